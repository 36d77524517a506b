using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Api.Auth;
using ProductCache.Api.Hardening;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api.Hardening;

public sealed class ClientLimitsTests
{
    [TestCase("192.0.2.7", "ip:192.0.2.7")]
    [TestCase("::ffff:192.0.2.7", "ip:192.0.2.7")]
    [TestCase("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::")]
    public void AClientWithoutACredentialIsItsAddress(string address, string client) =>
        Assert.That(ClientLimits.ClientOf(From(address)), Is.EqualTo(client));

    [Test]
    public void AClientWithACredentialIsThat() =>
        Assert.That(ClientLimits.ClientOf(new DefaultHttpContext { User = ApiAuthorization.PrincipalOf("shop", []) }), Is.EqualTo("shop"));

    [Test]
    public void OneClientMissesSoManyAndOthersAreNotTouched()
    {
        using var limits = new ClientLimits(Read(("API_MISSES_PER_SECOND", "1")), TimeProvider.System);

        var first = Enumerable.Range(0, ClientLimits.BurstSeconds).Select(_ => limits.MayMiss(From("192.0.2.7"))).ToList();

        Assert.That(first, Has.All.True);
        Assert.That(limits.MayMiss(From("192.0.2.8")), Is.True);
    }

    [Test]
    public void OneClientWaitsOnAShareOfThePlacesAndGivesThemBack()
    {
        using var limits = new ClientLimits(Read(), TimeProvider.System);
        var (first, other) = (From("192.0.2.7"), From("192.0.2.8"));
        const int share = ClientLimits.MaxWaiting / ClientLimits.PartOfWaiting;
        var places = limits.OfMiss(first);

        Assert.That(Enumerable.Range(0, share).Select(_ => places.MayWait()), Has.All.True);
        Assert.That(limits.OfMiss(first).MayWait(), Is.False);
        Assert.That(limits.OfMiss(other).MayWait(), Is.True);
        places.Dispose();
        Assert.That(limits.OfMiss(first).MayWait(), Is.True);
    }

    [Test]
    public async Task OneClientUsesHalfOfTheConnectionsForLists()
    {
        using var limits = new ClientLimits(Read(), TimeProvider.System);
        var (first, other) = (From("192.0.2.7"), From("192.0.2.8"));
        using var one = await limits.ListConnectionAsync(first, CancellationToken.None);
        using var two = await limits.ListConnectionAsync(first, CancellationToken.None);
        var waiting = limits.ListConnectionAsync(first, CancellationToken.None).AsTask();

        using var ofOther = await limits.ListConnectionAsync(other, CancellationToken.None);
        Assert.That(waiting.IsCompleted, Is.False);
        one.Dispose();
        using var three = await waiting;

        Assert.That(new[] { one, two, three, ofOther }.Select(lease => lease.IsAcquired), Has.All.True);
    }

    [Test]
    public async Task AListThatGetsNoConnectionInTimeIsRefused()
    {
        var time = new FakeTimeProvider();
        using var limits = new ClientLimits(Read(), time);
        var client = From("192.0.2.7");
        using var one = await limits.ListConnectionAsync(client, CancellationToken.None);
        using var two = await limits.ListConnectionAsync(client, CancellationToken.None);
        var waiting = limits.ListConnectionAsync(client, CancellationToken.None).AsTask();

        time.Advance(ClientLimits.TurnTimeout);
        using var three = await waiting;

        Assert.That(three.IsAcquired, Is.False);
    }

    [Test]
    public async Task BatchesOfOneClientWaitForEachOtherAndNotForThoseOfOthers()
    {
        using var limits = new ClientLimits(Read(), TimeProvider.System);
        var (first, other) = (From("192.0.2.7"), From("192.0.2.8"));
        using var reading = await limits.BatchAsync(first, ClientLimits.MaxIdsAtOnce - 1, CancellationToken.None);
        var waiting = limits.BatchAsync(first, 200, CancellationToken.None).AsTask();

        using var ofOther = await limits.BatchAsync(other, 200, CancellationToken.None);
        Assert.That(waiting.IsCompleted, Is.False);
        reading.Dispose();
        using var next = await waiting;

        Assert.That(new[] { reading, ofOther, next }.Select(lease => lease.IsAcquired), Has.All.True);
    }

    [Test]
    public void ABatchCountsAsItsProductsAndAsAllThatAClientHasAtMost()
    {
        using var limits = new ClientLimits(Read(("API_REQUESTS_PER_SECOND", "1")), TimeProvider.System);

        Assert.That(limits.MayRequest(From("192.0.2.7"), 15), Is.True);
        Assert.That(limits.MayRequest(From("192.0.2.7"), 15), Is.False);
        Assert.That(limits.MayRequest(From("192.0.2.8"), 200), Is.True);
    }

    [Test]
    public void ZeroIsNoLimit()
    {
        using var limits = new ClientLimits(Read(("API_MISSES_PER_SECOND", "0")), TimeProvider.System);

        Assert.That(Enumerable.Range(0, 100_000).Select(_ => limits.MayMiss(From("192.0.2.7"))), Has.All.True);
    }

    [Test]
    public void ProxiesAreAddressesOrNetworks() => Assert.That(
        Read(("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::1")).TrustedProxies.Select(network => network.ToString()),
        Is.EqualTo(new[] { "10.0.0.0/8", "192.0.2.7/32", "2001:db8::1/128" }));

    private static ClientLimitOptions Read(params (string Key, string Value)[] settings) => ClientLimitOptions.Read(TestSettings.Of(settings));

    private static DefaultHttpContext From(string address) => new() { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
}
