using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>How many connections one address may hold, of the Api and of the Worker.</summary>
[Category(TestCategories.Servers)]
public sealed class ConnectionLimitTests
{
    private const int Attempts = 60;
    private const string Attacker = "127.0.0.2";
    private const string Neighbours = "127.0.0.3";

    private readonly List<Socket> sockets = [];

    [TearDown]
    public void Disconnect()
    {
        sockets.ForEach(socket => socket.Dispose());
        sockets.Clear();
    }

    [Test]
    public async Task OneAddressDoesNotLockTheOthersOut()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_MAX_CONNECTIONS", "40"), ("API_CONNECTIONS_PER_ADDRESS", "10"));

        await OpenAsync(port, Attempts);
        await Eventually.TrueAsync(() => sockets.Count(socket => !Neighbour.IsClosed(socket)) == 10);
        using var neighbour = Neighbour.HttpClient(Neighbours, port);
        using var answer = await neighbour.GetAsync(new Uri("/health/live", UriKind.Relative));
        using var local = new HttpClient();
        var metrics = await local.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(metrics, Does.Match("""productcache_connections_refused[^\n]*reason="address"[^\n]* 50\b"""));
        Assert.That(api.Output.Split('\n').Where(line => line.Contains("rejected", StringComparison.OrdinalIgnoreCase)), Has.Exactly(1).Contains(Attacker));
    }

    [Test]
    [Category(TestCategories.Alone)]
    public async Task AReaderAndAWriterAreServedWhileOneAddressHoldsAllItMay()
    {
        var writer = NewApiKey.Create("writer", [Scopes.Write]);
        var port = TestServer.FreePort();
        await using var deployment = await Deployment.StartAsync();
        await using var api = await deployment.StartAnotherApiAsync(
            ("API_PORT", $"{port}"), ("API_KEYS", writer.Line), ("API_MAX_CONNECTIONS", "40"), ("API_CONNECTIONS_PER_ADDRESS", "10"));
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        using var neighbour = Neighbour.HttpClient(Neighbours, port);
        neighbour.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", writer.Text);
        var bystanders = new Bystanders(neighbour, api);

        await OpenAsync(port, Attempts);
        for (var round = 0; round < 30; round++)
        {
            await bystanders.ReadAndWriteAsync(id);
            neighbour.DefaultRequestHeaders.ConnectionClose = round % 2 == 0;
        }

        await bystanders.HoldAsync("connections");
        Assert.That(sockets.Count(socket => !Neighbour.IsClosed(socket)), Is.EqualTo(10));
    }

    [Test]
    public async Task AClosedConnectionMakesRoomForTheNext()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_CONNECTIONS_PER_ADDRESS", "2"));
        for (var round = 0; round < 20; round++)
        {
            await OpenAsync(port, 2);
            Disconnect();
        }

        using var neighbour = Neighbour.HttpClient(Attacker, port);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                using var answer = await neighbour.GetAsync(new Uri("/health/live", UriKind.Relative));
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    [Test]
    public async Task ATrustedProxyHoldsAsManyAsItNeeds()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_CONNECTIONS_PER_ADDRESS", "10"), ("TRUSTED_PROXIES", Attacker));

        await OpenAsync(port, Attempts);
        using var proxy = Neighbour.HttpClient(Attacker, port);
        using var answer = await proxy.GetAsync(new Uri("/health/live", UriKind.Relative));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(sockets.Where(Neighbour.IsClosed), Is.Empty);
    }

    [Test]
    public async Task MoreConnectionsThanDescriptorsAreNotPromised()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_MAX_CONNECTIONS", "1000000"));

        Assert.That(api.Output, Does.Match("API_MAX_CONNECTIONS is 1000000.*open only .* files"));
    }

    [Test]
    public async Task ADefaultIsLoweredWithoutAWarning()
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port);

        Assert.That(api.Output, Does.Not.Contain("API_MAX_CONNECTIONS"));
    }

    [Test]
    public async Task TheWorkerHasALimitToo()
    {
        await using var deployment = await Deployment.StartAsync();

        await OpenAsync(deployment.WorkerPort, 2 * Attempts);
        await Eventually.TrueAsync(() => sockets.Count(socket => !Neighbour.IsClosed(socket)) == 64);
        using var neighbour = Neighbour.HttpClient(Neighbours, deployment.WorkerPort);
        using var answer = await neighbour.GetAsync(new Uri("/health/live", UriKind.Relative));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task OpenAsync(int port, int count)
    {
        for (var n = 0; n < count; n++)
        {
            try
            {
                sockets.Add(await Neighbour.ConnectAsync(Attacker, port));
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                // Closed as soon as it was open.
            }
        }
    }
}
