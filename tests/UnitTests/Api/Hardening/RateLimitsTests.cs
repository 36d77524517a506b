using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using ProductCache.Api.Hardening;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api.Hardening;

public sealed class RateLimitsTests
{
    [Test]
    public void SoManyWritesAtOneTimeAndNotOneMore()
    {
        using var writes = Writes();
        var http = From("192.0.2.7");
        var held = Enumerable.Range(0, ClientLimits.MaxAtOnce).Select(_ => writes.AttemptAcquire(http)).ToList();

        using var tooMany = writes.AttemptAcquire(http);
        held[0].Dispose();
        using var afterwards = writes.AttemptAcquire(http);

        Assert.That(held.Select(lease => lease.IsAcquired), Has.All.True);
        Assert.That(tooMany.IsAcquired, Is.False);
        Assert.That(afterwards.IsAcquired, Is.True);
    }

    [Test]
    public void SoManyWritesInABurstAndOthersAreNotTouched()
    {
        using var writes = Writes(("API_WRITES_PER_SECOND", "1"));

        var burst = Enumerable.Range(0, ClientLimits.BurstSeconds).Select(_ => Attempt("192.0.2.7")).ToList();

        Assert.That(burst, Has.All.True);
        Assert.That(Attempt("192.0.2.7"), Is.False);
        Assert.That(Attempt("192.0.2.8"), Is.True);

        bool Attempt(string address)
        {
            using var lease = writes.AttemptAcquire(From(address));
            return lease.IsAcquired;
        }
    }

    [Test]
    public void ZeroLimitsOnlyTheWritesAtOneTime()
    {
        using var writes = Writes(("API_WRITES_PER_SECOND", "0"));

        for (var i = 0; i < 100_000; i++)
        {
            using var lease = writes.AttemptAcquire(From("192.0.2.7"));
            Assert.That(lease.IsAcquired, Is.True);
        }
    }

    private static PartitionedRateLimiter<HttpContext> Writes(params (string Key, string Value)[] settings)
    {
        var options = ClientLimitOptions.Read(TestSettings.Of(settings));
        return PartitionedRateLimiter.Create<HttpContext, string>(http => RateLimits.WritesOf(http, options));
    }

    private static DefaultHttpContext From(string address) => new() { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
}
