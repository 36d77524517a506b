using System.Buffers.Text;
using System.Net;
using System.Text;
using Confluent.Kafka;
using ProductCache.Infrastructure.Kafka;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>OAUTHBEARER: the client gets its token with its id and secret, before it connects.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class KafkaTokenTests
{
    [Test]
    public async Task ATokenIsRequestedWithTheCredentialsAndTheScopeOfTheClient()
    {
        var (port, broker) = (TestServer.FreePort(), TestServer.FreePort());
        using var issuer = new HttpListener();
        issuer.Prefixes.Add($"http://127.0.0.1:{port}/");
        issuer.Start();
        var settings = TestSettings.Of(
            ("KAFKA_BOOTSTRAP", $"127.0.0.1:{broker}"), ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"), ("KAFKA_SASL_MECHANISM", "OAUTHBEARER"),
            ("KAFKA_SASL_USER", "shop"), ("KAFKA_SASL_PASSWORD", "secret-of-the-shop"),
            ("KAFKA_OAUTH_TOKEN_URL", $"http://127.0.0.1:{port}/token"), ("KAFKA_OAUTH_SCOPE", "kafka"));
        var options = KafkaOptions.Read(settings);
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);

        using var client = new ProducerBuilder<Null, string>(new ProducerConfig(options.CreateClientConfig())).SetErrorHandler((_, _) => { }).Build();
        var request = await issuer.GetContextAsync().WaitAsync(Eventually.Patience);
        using var body = new StreamReader(request.Request.InputStream);
        var form = await body.ReadToEndAsync();
        var answer = Encoding.UTF8.GetBytes($$"""{"access_token":"{{Token()}}","token_type":"Bearer","expires_in":3600}""");
        request.Response.ContentType = "application/json";
        await request.Response.OutputStream.WriteAsync(answer);
        request.Response.Close();

        Assert.That(request.Request.HttpMethod, Is.EqualTo("POST"));
        Assert.That(request.Request.Url!.AbsolutePath, Is.EqualTo("/token"));
        Assert.That(form, Does.Contain("grant_type=client_credentials").And.Contain("scope=kafka"));
        Assert.That(
            request.Request.Headers["Authorization"], Is.EqualTo($"Basic {Convert.ToBase64String("shop:secret-of-the-shop"u8)}"));
    }

    private static string Token()
    {
        var expires = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();
        return $"{Segment("""{"alg":"none"}""")}.{Segment($$"""{"sub":"shop","exp":{{expires}}}""")}.";
    }

    private static string Segment(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
