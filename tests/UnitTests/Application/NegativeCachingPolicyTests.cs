using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;

namespace ProductCache.UnitTests.Application;

public sealed class NegativeCachingPolicyTests
{
    private static readonly CacheLifetimes Lifetimes = new() { JitterPercent = 0 };

    [Test]
    public void BeyondSoManyTheyEndAlmostAtOnceUntilTheFirstHaveEnded()
    {
        var time = new FakeTimeProvider();
        var entries = new NegativeCachingPolicy(Lifetimes, time, new Random(1));

        var lifetimes = Enumerable.Range(0, NegativeCachingPolicy.MaxLongOnes + 2).Select(_ => entries.NextLifetime()).ToList();
        time.Advance(Lifetimes.Absent - TimeSpan.FromMilliseconds(1));
        var late = entries.NextLifetime();
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(lifetimes.Count(lifetime => lifetime == Lifetimes.Absent), Is.EqualTo(NegativeCachingPolicy.MaxLongOnes));
        Assert.That(lifetimes[^2..], Has.All.EqualTo(NegativeCachingPolicy.ShortLifetime));
        Assert.That(late, Is.EqualTo(NegativeCachingPolicy.ShortLifetime));
        Assert.That(entries.NextLifetime(), Is.EqualTo(Lifetimes.Absent));
    }
}
