using System.Text;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.Infrastructure.SharedCaches;
using ProductCache.TestSupport.Servers;

namespace ProductCache.UnitTests.Infrastructure.SharedCaches;

/// <summary>The requests of each shared cache, compared with the formats that its vendor publishes.</summary>
public sealed class SharedCacheRequestTests
{
    private static readonly PurgedProduct[] Products =
        [new(new ProductId(1), new Change(new ProductId(1), new ProductVersion(5), Deleted: false)), new(new ProductId(22))];

    private SharedCacheClient client = null!;

    [SetUp]
    public void Connect() => client = new SharedCacheClient(TimeSpan.FromSeconds(2));

    [TearDown]
    public void Disconnect() => client.Dispose();

    [Test]
    public async Task VarnishWithXkeyIsAskedOnAllServers()
    {
        await using var one = await FakeHttpServer.StartAsync();
        await using var other = await FakeHttpServer.StartAsync();
        var varnish = new VarnishCache(client, [one.Url, other.Url], hasXkey: true);

        await varnish.PurgeAsync(Products, default);
        await varnish.PurgeAllAsync(default);

        foreach (var server in new[] { one, other })
        {
            Assert.That(server.Requests.Select(request => request.Method), Is.All.EqualTo("PURGE"));
            Assert.That(server.Requests.Select(request => request.Headers["xkey-purge"]), Is.EqualTo(new[] { "product-1 product-22", "products" }));
        }
    }

    [Test]
    public async Task VarnishWithBansGetsAnExpressionOfWholeTags()
    {
        await using var server = await FakeHttpServer.StartAsync();

        await new VarnishCache(client, [server.Url], hasXkey: false).PurgeAsync([.. Products, new PurgedProduct(TextId("a.b"))], default);

        var request = server.Requests.Single();
        Assert.That(request.Method, Is.EqualTo("BAN"));
        Assert.That(request.Headers["ban-tags"], Is.EqualTo(@"(^|\s)(product-1|product-22|product-a\.b)(\s|$)"));
    }

    [Test]
    public async Task FastlyGetsSurrogateKeys()
    {
        await using var server = await FakeHttpServer.StartAsync();
        var fastly = new FastlyCache(client, server.Url, "SU1Z0isxPaozGVKXdv0eY", Secret.OfText("PURGE_FASTLY_TOKEN", "token"));

        await fastly.PurgeAsync(Products, default);
        await fastly.PurgeAllAsync(default);

        var requests = server.Requests.ToList();
        Assert.That(requests.Select(request => $"{request.Method} {request.Path}"), Is.EqualTo(new[]
        {
            "POST /service/SU1Z0isxPaozGVKXdv0eY/purge", "POST /service/SU1Z0isxPaozGVKXdv0eY/purge_all",
        }));
        Assert.That(requests.Select(request => request.Headers["fastly-key"]), Is.All.EqualTo("token"));
        Assert.That(requests[0].Headers["content-type"], Does.StartWith("application/json"));
        Assert.That(requests[0].Body, Is.EqualTo("""{"surrogate_keys":["product-1","product-22"]}"""));
        Assert.That(fastly.MaxProducts, Is.EqualTo(256));
    }

    [Test]
    public async Task CloudflareGetsTags()
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => http.Response.WriteAsync("""{"success":true,"errors":[],"messages":[],"result":{"id":"x"}}"""));
        var cloudflare = new CloudflareCache(client, server.Url, "023e105f4ecef8ad9ca31a8372d0c353", Secret.OfText("PURGE_CLOUDFLARE_TOKEN", "token"));

        await cloudflare.PurgeAsync(Products, default);
        await cloudflare.PurgeAllAsync(default);

        var requests = server.Requests.ToList();
        Assert.That(requests.Select(request => $"{request.Method} {request.Path}"), Is.All.EqualTo("POST /client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache"));
        Assert.That(requests.Select(request => request.Headers["authorization"]), Is.All.EqualTo("Bearer token"));
        Assert.That(requests.Select(request => request.Body), Is.EqualTo(new[] { """{"tags":["product-1","product-22"]}""", """{"purge_everything":true}""" }));
        Assert.That(cloudflare.MaxProducts, Is.EqualTo(30));
    }

    [TestCase("""{"success":false,"errors":[{"code":1134,"message":"Unable to purge"}]}""")]
    [TestCase("ok")]
    public async Task CloudflareReportsFailuresWithStatus200(string body)
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => http.Response.WriteAsync(body));

        Assert.That(
            async () => await new CloudflareCache(client, server.Url, "zone", Secret.OfText("PURGE_CLOUDFLARE_TOKEN", "token")).PurgeAsync(Products, default),
            Throws.InstanceOf<HttpRequestException>());
    }

    [Test]
    public async Task CloudFrontGetsPathsInASignedRequest()
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => { http.Response.StatusCode = 201; return Task.CompletedTask; });
        var cloudFront = new CloudFrontCache(client, server.Url, "EDFDVBD6EXAMPLE", Credentials("session"), TimeProvider.System);

        await cloudFront.PurgeAsync(Products, default);
        await cloudFront.PurgeAllAsync(default);

        var requests = server.Requests.ToList();
        Assert.That(requests.Select(request => $"{request.Method} {request.Path}"), Is.All.EqualTo("POST /2020-05-31/distribution/EDFDVBD6EXAMPLE/invalidation"));
        Assert.That(requests[0].Headers["authorization"], Does.Match("^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/us-east-1/cloudfront/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$"));
        Assert.That(requests[0].Headers["x-amz-security-token"], Is.EqualTo("session"));
        XNamespace ns = "http://cloudfront.amazonaws.com/doc/2020-05-31/";
        var batch = XElement.Parse(requests[0].Body);
        Assert.That(batch.Name, Is.EqualTo(ns + "InvalidationBatch"));
        Assert.That(batch.Element(ns + "CallerReference")!.Value, Is.Not.Empty.And.Not.EqualTo(XElement.Parse(requests[1].Body).Element(ns + "CallerReference")!.Value));
        Assert.That(batch.Descendants(ns + "Path").Select(path => path.Value), Is.EqualTo(new[]
        {
            "/productapp/1*", "/api/v1/products/1*", "/productapp/22*", "/api/v1/products/22*", "/api/v1/products?*",
        }));
        Assert.That(batch.Element(ns + "Paths")!.Element(ns + "Quantity")!.Value, Is.EqualTo("5"));
        Assert.That(XElement.Parse(requests[1].Body).Descendants(ns + "Path").Single().Value, Is.EqualTo("/*"));
    }

    [Test]
    public async Task CloudFrontIsAskedAgainWhileItHasTooManyInvalidations()
    {
        await using var server = await FakeHttpServer.StartAsync(async (_, http) =>
        {
            http.Response.StatusCode = 400;
            await http.Response.WriteAsync("<ErrorResponse><Error><Code>TooManyInvalidationsInProgress</Code></Error></ErrorResponse>");
        });

        Assert.That(
            async () => await new CloudFrontCache(client, server.Url, "E1", Credentials(string.Empty), TimeProvider.System).PurgeAsync(Products, default),
            Throws.InstanceOf<HttpRequestException>());
    }

    // The test suite of Signature Version 4 that AWS publishes: get-vanilla, post-vanilla.
    [TestCase("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [TestCase("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]
    public void TheSignatureOfAwsIsThatOfItsTestSuite(string method, string signature)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "https://example.amazonaws.com/");

        new AwsSignature("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", null, "us-east-1", "service")
            .Sign(request, [], new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero));

        Assert.That(request.Headers.GetValues("Authorization").Single(), Does.EndWith($"Signature={signature}"));
    }

    [Test]
    public async Task AWebhookIsSignedAndNamesIdsVersionsAndTags()
    {
        await using var server = await FakeHttpServer.StartAsync();
        var secret = $"whsec_{Convert.ToBase64String("sixteen bytes ok"u8)}";

        await Webhook(server.Url, secret).PurgeAsync(Products, default);

        var request = server.Requests.Single();
        var expected = WebhookCache.SignatureOf(secret, request.Headers["webhook-id"], request.Headers["webhook-timestamp"], Encoding.UTF8.GetBytes(request.Body));
        Assert.That(request.Headers["webhook-signature"], Is.EqualTo(expected));
        Assert.That(request.Headers["content-type"], Is.EqualTo("application/json"));
        var body = JsonNode.Parse(request.Body)!;
        Assert.That(body["type"]!.GetValue<string>(), Is.EqualTo("products.changed"));
        Assert.That(body["data"]!["products"]!.ToJsonString(), Is.EqualTo("""[{"id":1,"tag":"product-1","version":5,"deleted":false},{"id":22,"tag":"product-22"}]"""));
    }

    // From the specification's own example.
    [Test]
    public void TheSignatureOfAWebhookIsThatOfTheSpecification() => Assert.That(
        WebhookCache.SignatureOf(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", """{"test": 2432232314}"""u8),
        Is.EqualTo("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));

    [TestCase(410)]
    [TestCase(400)]
    [TestCase(422)]
    public async Task AFinalAnswerIsARefusal(int status)
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => { http.Response.StatusCode = status; return http.Response.WriteAsync("no\nmore"); });

        var refusal = Assert.ThrowsAsync<PurgeRefusedException>(async () => await Webhook(server.Url).PurgeAsync(Products, default));

        Assert.That(refusal!.Message, Is.EqualTo($"127.0.0.1:{server.Port} answered {status}: no more"));
    }

    [TestCase(500)]
    [TestCase(503)]
    [TestCase(429)]
    [TestCase(408)]
    [TestCase(401)]
    [TestCase(404)]
    public async Task OtherAnswersMayChange(int status)
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => { http.Response.StatusCode = status; return Task.CompletedTask; });

        Assert.That(async () => await Webhook(server.Url).PurgeAsync(Products, default), Throws.InstanceOf<HttpRequestException>());
    }

    [TestCase(301)]
    [TestCase(307)]
    [TestCase(308)]
    public async Task ARedirectIsNotFollowed(int status)
    {
        await using var elsewhere = await FakeHttpServer.StartAsync();
        await using var server = await FakeHttpServer.StartAsync((_, http) =>
        {
            (http.Response.StatusCode, http.Response.Headers.Location) = (status, elsewhere.Url.ToString());
            return Task.CompletedTask;
        });

        var refusal = Assert.ThrowsAsync<PurgeRefusedException>(async () => await Webhook(server.Url).PurgeAsync(Products, default));

        Assert.That(refusal!.Message, Does.EndWith($"answered {status} (redirects are not followed)"));
        Assert.That(elsewhere.Requests, Is.Empty);
    }

    [Test]
    public async Task AnAnswerThatTakesTooLongIsNoAcknowledgement()
    {
        await using var server = await FakeHttpServer.StartAsync((_, http) => Task.Delay(TimeSpan.FromSeconds(30), http.RequestAborted));

        var failure = Assert.ThrowsAsync<HttpRequestException>(async () => await Webhook(server.Url).PurgeAsync(Products, default));

        Assert.That(failure!.Message, Is.EqualTo($"127.0.0.1:{server.Port} did not answer within 2 s"));
    }

    private static AwsCredentials Credentials(string session) =>
        new("AKIDEXAMPLE", Secret.OfText("AWS_SECRET_ACCESS_KEY", "secret"), Secret.OfText("AWS_SESSION_TOKEN", session));

    private static ProductId TextId(string text) => ProductIdType.Text.TryParse(text, out var id) ? id : throw new ArgumentException("no id", nameof(text));

    private WebhookCache Webhook(Uri url, string secret = "secret") =>
        new(client, url, Secret.OfText("PURGE_WEBHOOK_SECRET", secret), 3, TimeProvider.System, ProductIdType.Bigint);
}
