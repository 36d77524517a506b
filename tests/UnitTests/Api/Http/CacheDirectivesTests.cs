using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using ProductCache.Api.Http;
using ProductCache.Application;

namespace ProductCache.UnitTests.Api.Http;

public sealed class CacheDirectivesTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2_147_483_648);

    [TestCase("no-cache, max-age=99999999999")]
    [TestCase("no-cache, max-age=99999999999999999999999")]
    [TestCase("No-Cache,max-age=\"2147483649\"")]
    public void ANumberThatIsTooLargeCountsAsTheLargestOne(string line)
    {
        var freshness = Read(line);

        Assert.That(freshness, Is.EqualTo(new Freshness { NoCache = true, MaxAge = Longest }));
    }

    [Test]
    public void EveryNumberHasTheLimit() => Assert.That(
        Read("only-if-cached, max-stale=99999999999, min-fresh=99999999999"),
        Is.EqualTo(new Freshness { OnlyIfCached = true, MaxStale = Longest, MinFresh = Longest }));

    [TestCase("max-age=soon")]
    [TestCase("max-age")]
    [TestCase("max-age=")]
    [TestCase("max-age=-1")]
    [TestCase("max-age=+1")]
    [TestCase("max-age=1.5")]
    [TestCase("max-age=٣")]
    [TestCase("max-age=\"1")]
    [TestCase("min-fresh")]
    [TestCase("min-fresh=\"\"")]
    [TestCase("max-stale=soon")]
    [TestCase("max-stale=")]
    [TestCase("no-transform")]
    [TestCase("unknown=\"a, b\"")]
    [TestCase("unknown=\"a\\\", no-store\"")]
    [TestCase("\"")]
    [TestCase("=")]
    [TestCase("@")]
    [TestCase("")]
    public void ADirectiveThatIsUnknownOrMalformedIsIgnoredAlone(string directive)
    {
        Assert.That(Read(directive), Is.Null);
        Assert.That(Read($"{directive}, no-cache"), Is.EqualTo(new Freshness { NoCache = true }));
        Assert.That(Read($"no-cache,{directive}"), Is.EqualTo(new Freshness { NoCache = true }));
        Assert.That(Read(directive, "no-cache"), Is.EqualTo(new Freshness { NoCache = true }));
    }

    [TestCase("max-age=\"60\"")]
    [TestCase("max-age=\"6\\0\"")]
    [TestCase("max-age = 60")]
    [TestCase("MAX-AGE=60")]
    [TestCase("max-age=0060")]
    public void ANumberMayBeQuoted(string line) => Assert.That(Read(line), Is.EqualTo(new Freshness { MaxAge = TimeSpan.FromMinutes(1) }));

    [TestCase("max-age=60, max-age=30")]
    [TestCase("max-age=30, max-age=60")]
    [TestCase("max-age=30, max-age=soon")]
    public void OfTwoAgesTheSmallerOneCounts(string line) => Assert.That(Read(line)!.MaxAge, Is.EqualTo(TimeSpan.FromSeconds(30)));

    [TestCase("min-fresh=60, min-fresh=30")]
    [TestCase("min-fresh=30, min-fresh=60")]
    public void OfTwoRemainingLifetimesTheLargerOneCounts(string line) => Assert.That(Read(line)!.MinFresh, Is.EqualTo(TimeSpan.FromSeconds(60)));

    [TestCase("max-stale=30, max-stale=60")]
    [TestCase("max-stale, max-stale=30")]
    [TestCase("max-stale=30, max-stale")]
    public void OfTwoStalenessesTheSmallerOneCounts(string line) => Assert.That(Read(line)!.MaxStale, Is.EqualTo(TimeSpan.FromSeconds(30)));

    [Test]
    public void MaxStaleWithoutANumberAllowsAny() => Assert.That(Read("max-stale")!.MaxStale, Is.EqualTo(TimeSpan.MaxValue));

    [TestCase("no-cache=1")]
    [TestCase("no-cache=\"Set-Cookie\"")]
    public void AnArgumentThatADirectiveDoesNotHaveIsIgnored(string line) => Assert.That(Read(line), Is.EqualTo(new Freshness { NoCache = true }));

    private static Freshness? Read(params string[] lines)
    {
        Assert.That(FreshnessHeaders.TryReadFreshness(new HeaderDictionary { ["Cache-Control"] = new StringValues(lines) }, out var freshness), Is.True);
        return freshness;
    }
}
