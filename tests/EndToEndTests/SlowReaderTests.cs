using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>Clients that ask for large answers and do not take them.</summary>
[Category(TestCategories.Servers)]
[Category(TestCategories.Alone)]
public sealed class SlowReaderTests
{
    private const int Products = 200;
    private const int Connections = 100;

    private const string Attacker = "127.0.0.2";

    // 30,000 bytes in UTF-8.
    private static readonly string Description = new('€', 10_000);

    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);

    private readonly List<Socket> sockets = [];
    private Deployment deployment = null!;
    private string batch = null!;
    private List<ProductId> ids = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", Writer.Line));
        deployment.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Writer.Text);
        ids = [];
        for (var n = 0; n < Products; n++)
        {
            ids.Add(await deployment.InsertAsync($"Product {n}", description: Description));
        }

        batch = $"/api/v1/products?ids={string.Join(',', ids)}";
        await TestSupport.Eventually.TrueAsync(async () =>
        {
            using var answer = await deployment.GetAsync(batch, "wait=10");
            return (await answer.Content.ReadAsStringAsync()).Split("\"status\":\"hit\"").Length == Products + 1;
        });
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [TearDown]
    public void Disconnect()
    {
        sockets.ForEach(socket => socket.Dispose());
        sockets.Clear();
    }

    [TestCase("ids")]
    [TestCase("list")]
    public async Task AnswersThatAreNotTakenCostLittleMemoryAndDelayNobody(string sort)
    {
        var bystanders = new Bystanders(deployment.Http, deployment.Api);
        for (var n = 0; n < Connections; n++)
        {
            sockets.Add(await Neighbour.AskAndNotReadAsync(Attacker, deployment.ApiPort, sort == "ids" ? batch : "/api/v1/products?limit=500"));
        }

        for (var round = 0; round < 30; round++)
        {
            Assert.That(await bystanders.ReadAndWriteAsync(ids[round]), Has.Length.GreaterThan(3 * Description.Length - 1));
            await ReadManyAsync();
        }

        await bystanders.HoldAsync(sort);
    }

    [Test]
    public async Task TheStreamsOfOneConnectionThatAreNotReadCostLittleMemoryAndDelayNobody()
    {
        var port = TestServer.FreePort();
        var folder = Directory.CreateTempSubdirectory("product-cache-tls-");
        try
        {
            var (certificate, key) = WriteCertificate(folder.FullName);
            await using var api = await deployment.StartAnotherApiAsync(
                ("API_PORT", port.ToString(CultureInfo.InvariantCulture)), ("API_TLS_CERT_FILE", certificate), ("API_TLS_KEY_FILE", key));
            using var reader = Http2Client("127.0.0.1", port);
            reader.DefaultRequestHeaders.Authorization = deployment.Http.DefaultRequestHeaders.Authorization;
            using var attacker = Http2Client(Attacker, port);
            using (var first = await reader.GetAsync(new Uri(batch, UriKind.Relative)))
            {
                Assert.That((int)first.StatusCode, Is.EqualTo(200));
            }

            var bystanders = new Bystanders(reader, api);
            using var stop = new CancellationTokenSource();
            var requests = Enumerable.Range(0, Connections)
                .Select(_ => attacker.GetAsync(new Uri(batch, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stop.Token)).ToList();
            await Task.WhenAny(requests);
            for (var round = 0; round < 30; round++)
            {
                await bystanders.ReadAndWriteAsync(ids[^1]);
                using var many = await reader.GetAsync(new Uri(batch, UriKind.Relative));
                Assert.That((int)many.StatusCode, Is.EqualTo(200));
            }

            await stop.CancelAsync();
            await bystanders.HoldAsync("HTTP/2");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task AnAnswerThatIsNotTakenEnds()
    {
        var socket = await Neighbour.AskAndNotReadAsync(Attacker, deployment.ApiPort, batch);
        sockets.Add(socket);
        await TestSupport.Eventually.TrueAsync(() => socket.Available > 0);

        // The metrics are the only thing that is asked meanwhile: the one connection that stays is that of the question.
        await TestSupport.Eventually.TrueAsync(async () =>
        {
            using var metrics = await deployment.GetAsync("/metrics");
            return ActiveConnections(await metrics.Content.ReadAsStringAsync()) <= 1;
        });
        Assert.That(Neighbour.IsClosed(socket), Is.True);
    }

    [Test]
    public async Task ALargeBatchArrivesAsAWhole()
    {
        using var answer = await deployment.GetAsync(batch);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var items = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray().ToList();

        Assert.That(items, Has.Count.EqualTo(Products));
        Assert.That(items.Where(item => item.TryGetProperty("product", out _)).Select(item => item.GetProperty("product").GetProperty("description").GetString()), Is.All.EqualTo(Description));
    }

    [Test]
    public async Task PagesOfLongProductsLeadToAllOfThem()
    {
        HashSet<long> seen = [];
        var next = "/api/v1/products?limit=500";
        while (next is not null)
        {
            using var answer = await deployment.GetAsync(next);
            var page = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                Assert.That(seen.Add(item.GetProperty("id").GetInt64()), Is.True);
            }

            next = page.TryGetProperty("next", out var cursor) ? $"/api/v1/products?limit=500&after={cursor.GetString()}" : null;
        }

        Assert.That(seen, Is.SupersetOf(ids.Select(id => id.Value)));
    }

    [Test]
    public async Task TheHeadersOfManyComeWithoutTheirBodies()
    {
        foreach (var path in new[] { batch, "/api/v1/products?limit=500" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            using var head = await deployment.Http.SendAsync(request);
            using var whole = await deployment.GetAsync(path);

            Assert.That(head.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(head.Content.Headers.ContentType, Is.EqualTo(whole.Content.Headers.ContentType));
            Assert.That(head.Headers.TryGetValues("Link", out _), Is.EqualTo(whole.Headers.TryGetValues("Link", out _)));
        }
    }

    // Others that behave get large answers too.
    private async Task ReadManyAsync()
    {
        using var many = await deployment.GetAsync(batch);
        Assert.That((int)many.StatusCode, Is.EqualTo(200), await many.Content.ReadAsStringAsync());
        using var list = await deployment.GetAsync("/api/v1/products?limit=5");
        Assert.That((int)list.StatusCode, Is.EqualTo(200), await list.Content.ReadAsStringAsync());
    }

    private static double ActiveConnections(string metrics) => metrics.Split('\n')
        .Where(line => line.StartsWith("kestrel_active_connections", StringComparison.Ordinal))
        .Sum(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));

    private static (string Certificate, string Key) WriteCertificate(string folder)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var (certificateFile, keyFile) = (Path.Combine(folder, "certificate.pem"), Path.Combine(folder, "key.pem"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (certificateFile, keyFile);
    }

    private static HttpClient Http2Client(string address, int port) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, token) => new NetworkStream(await Neighbour.ConnectAsync(address, port, token), ownsSocket: true),
        SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
    })
    {
        BaseAddress = new Uri($"https://127.0.0.1:{port}"),
        Timeout = TimeSpan.FromSeconds(60),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };
}
