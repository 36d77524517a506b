using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class SharesTests
{
    [Test]
    public void OneClientHasAShareAndAllTogetherHaveABound()
    {
        var shares = new Shares(all: 10, each: 6);

        Assert.That(shares.TryTake("a", 6), Is.EqualTo(ShareResult.Taken));
        Assert.That(shares.TryTake("a", 1), Is.EqualTo(ShareResult.ClientHasItsShare));
        Assert.That(shares.TryTake("b", 5), Is.EqualTo(ShareResult.AllIsTaken));
        Assert.That(shares.TryTake("b", 4), Is.EqualTo(ShareResult.Taken));
        shares.GiveBack("a", 6);
        Assert.That(shares.TryTake("b", 2), Is.EqualTo(ShareResult.Taken));
        Assert.That(shares.Total, Is.EqualTo(6));
    }

    [Test]
    public void AnExemptClientHasTheBoundOfAll()
    {
        var shares = new Shares(all: 10, each: 6);

        Assert.That(shares.TryTake("proxy", 10, isExempt: true), Is.EqualTo(ShareResult.Taken));
        Assert.That(shares.TryTake("proxy", 1, isExempt: true), Is.EqualTo(ShareResult.AllIsTaken));
    }

    [Test]
    public void AClientHasOneLineInAnIntervalAndTheNextSaysWhatWasLeftOut()
    {
        var time = new FakeTimeProvider();
        var lines = new SampledLines(time);

        Assert.That(lines.MayWrite("a", out _), Is.True);
        Assert.That(lines.MayWrite("a", out _), Is.False);
        Assert.That(lines.MayWrite("a", out _), Is.False);
        Assert.That(lines.MayWrite("b", out _), Is.True);
        time.Advance(SampledLines.Interval);
        Assert.That(lines.MayWrite("a", out var leftOut), Is.True);
        Assert.That(leftOut, Is.EqualTo(2));
    }

    [Test]
    public void ManyClientsShareTheirLines()
    {
        var lines = new SampledLines(new FakeTimeProvider());

        Assert.That(Enumerable.Range(0, 10_000).Count(n => lines.MayWrite($"{n}", out _)), Is.EqualTo(SampledLines.MaxClients + 1));
    }
}
