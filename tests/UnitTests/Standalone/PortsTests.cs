using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Standalone;

namespace ProductCache.UnitTests.Standalone;

public sealed class PortsTests
{
    [Test]
    public void APortThatSomebodyListensOnIsNotGiven()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var taken = ((IPEndPoint)listener.LocalEndpoint).Port;

        Assert.That(new Ports().Take(taken), Is.GreaterThan(taken));
    }

    [Test]
    public async Task APortThatAConnectionComesFromIsNotGiven()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        var taken = ((IPEndPoint)client.Client.LocalEndPoint!).Port;

        Assert.That(new Ports().Take(taken), Is.GreaterThan(taken));
    }

    [Test]
    public void ANamedPortIsTakenAndGivenToNoOther()
    {
        var (ports, settings) = (new Ports(), Of(("API_PORT", "21500"), ("WORKER_PORT", "")));

        Assert.That(ports.TakeNamed(settings, "API_PORT"), Is.EqualTo(21_500));
        Assert.That(ports.TakeNamed(settings, "WORKER_PORT"), Is.Null);
        Assert.That(ports.Take(21_500), Is.GreaterThan(21_500));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public void ANamedPortThatIsTakenIsAFault()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var taken = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (ports, settings) = (new Ports(), Of(("API_PORT", $"{taken}"), ("WORKER_PORT", "x")));

        ports.TakeNamed(settings, "API_PORT");
        ports.TakeNamed(settings, "WORKER_PORT");

        Assert.That(settings.ThrowIfWrong, Throws.InstanceOf<SettingsException>().With.Message.EqualTo(
            $"API_PORT is {taken}, but another process listens on that port. WORKER_PORT must be an integer from 1 to 65535, not 'x'."));
    }

    [Test]
    public void OnePortForTwoIsAFault()
    {
        var (ports, settings) = (new Ports(), Of(("API_PORT", "21501"), ("WORKER_PORT", "21501")));

        ports.TakeNamed(settings, "API_PORT");
        ports.TakeNamed(settings, "WORKER_PORT");

        Assert.That(settings.ThrowIfWrong, Throws.InstanceOf<SettingsException>().With.Message.EqualTo("WORKER_PORT is 21501, but another port of this process has the same number."));
    }

    [Test]
    public void NoPortIsGivenTwice()
    {
        var ports = new Ports();

        var first = ports.Take(21_000);

        Assert.That(ports.Take(21_000), Is.GreaterThan(first));
    }

    private static Settings Of(params (string Key, string? Value)[] values) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(value => value.Key, value => value.Value)).Build());
}
