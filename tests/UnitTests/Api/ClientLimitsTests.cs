using System.Net;
using Microsoft.AspNetCore.Http;
using ProductCache.Api;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api;

public sealed class ClientLimitsTests
{
    [TestCase("192.0.2.7", "ip:192.0.2.7")]
    [TestCase("::ffff:192.0.2.7", "ip:192.0.2.7")]
    [TestCase("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::")]
    public void AClientWithoutACredentialIsItsAddress(string address, string client) =>
        Assert.That(ClientLimits.ClientOf(From(address)), Is.EqualTo(client));

    [Test]
    public void AClientWithACredentialIsThat() =>
        Assert.That(ClientLimits.ClientOf(new DefaultHttpContext { User = Access.PrincipalOf("shop", []) }), Is.EqualTo("shop"));

    [Test]
    public void OneClientMissesSoManyAndOthersAreNotTouched()
    {
        using var limits = new ClientLimits(Read(("API_MISSES_PER_SECOND", "1")));

        var first = Enumerable.Range(0, ClientLimits.BurstSeconds).Select(_ => limits.MayMiss(From("192.0.2.7"))).ToList();

        Assert.That(first, Has.All.True);
        Assert.That(limits.MayMiss(From("192.0.2.8")), Is.True);
    }

    [Test]
    public void SoManyWritesAtOneTimeAndNotOneMore()
    {
        using var limits = new ClientLimits(Read());
        var http = From("192.0.2.7");
        var held = Enumerable.Range(0, ClientLimits.MaxAtOnce).Select(_ => limits.Write(http)).ToList();

        using var tooMany = limits.Write(http);
        held[0].Dispose();
        using var afterwards = limits.Write(http);

        Assert.That(held.Select(lease => lease.IsAcquired), Has.All.True);
        Assert.That(tooMany.IsAcquired, Is.False);
        Assert.That(afterwards.IsAcquired, Is.True);
    }

    [Test]
    public void ZeroIsNoLimit()
    {
        using var limits = new ClientLimits(Read(("API_MISSES_PER_SECOND", "0")));

        Assert.That(Enumerable.Range(0, 100_000).Select(_ => limits.MayMiss(From("192.0.2.7"))), Has.All.True);
    }

    [Test]
    public void ProxiesAreAddressesOrNetworks() => Assert.That(
        Read(("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::1")).TrustedProxies.Select(network => network.ToString()),
        Is.EqualTo(new[] { "10.0.0.0/8", "192.0.2.7/32", "2001:db8::1/128" }));

    private static ClientLimitOptions Read(params (string Key, string Value)[] settings) => ClientLimitOptions.Read(TestSettings.Of(settings));

    private static DefaultHttpContext From(string address) => new() { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
}
