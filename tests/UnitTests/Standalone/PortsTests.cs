using System.Net;
using System.Net.Sockets;
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
    public void NoPortIsGivenTwice()
    {
        var ports = new Ports();

        var first = ports.Take(21_000);

        Assert.That(ports.Take(21_000), Is.GreaterThan(first));
    }
}
