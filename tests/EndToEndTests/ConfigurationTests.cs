using ProductCache.Infrastructure.Hosting;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>Wrong settings are told in plain sentences, at once, with the names of the keys.</summary>
[Category(TestCategories.NoServers)]
public sealed class ConfigurationTests
{
    private static readonly Dictionary<string, string> Right = new()
    {
        ["DB_HOST"] = "127.0.0.1",
        ["DB_NAME"] = "products",
        ["DB_USER"] = "product",
        ["DB_PASSWORD"] = "secret",
        ["REDIS_HOST"] = "127.0.0.1",
        ["KAFKA_BOOTSTRAP"] = "127.0.0.1:9092",
        ["API_PORT"] = $"{TestServer.FreePort()}",
        ["WORKER_PORT"] = $"{TestServer.FreePort()}",
    };

    [TestCase("Worker", "DB_HOST", null, "DB_HOST is missing.")]
    [TestCase("Worker", "DB_PASSWORD", null, "DB_PASSWORD is missing.")]
    [TestCase("Worker", "DB_PORT", "none", "DB_PORT must be an integer from 1 to 65535, not 'none'.")]
    [TestCase("Worker", "CACHE_TTL_SECONDS", "0", "CACHE_TTL_SECONDS must be an integer from 1 to 2592000, not '0'.")]
    [TestCase("Worker", "KAFKA_CREATE_TOPICS", "maybe", "KAFKA_CREATE_TOPICS must be true or false, not 'maybe'.")]
    [TestCase("Api", "DB_NAME", null, "DB_NAME is missing.")]
    [TestCase("Api", "REDIS_HOST", null, "REDIS_HOST is missing.")]
    [TestCase("Api", "REDIS_PASSWORD_FILE", "/nowhere", "REDIS_PASSWORD_FILE names a file that cannot be read: /nowhere.")]
    [TestCase("Api", "KAFKA_BOOTSTRAP", "localhost", "KAFKA_BOOTSTRAP must be a comma-separated list of host:port, not 'localhost'.")]
    [TestCase("Api", "API_READS", "closed", "API_READS must be open or protected, not 'closed'.")]
    [TestCase("Api", "API_KEYS", "#\nshop", "API_KEYS, line 2: the line must have the form: client scope[,scope] sha256:salt:hash.")]
    [TestCase("Api", "JWT_AUDIENCE", "products", "JWT_AUTHORITY and JWT_AUDIENCE must be set together: JWT_AUTHORITY is missing.")]
    [TestCase("Api", "API_PORT", "70000", "API_PORT must be an integer from 1 to 65535, not '70000'.")]
    [TestCase("Api", "API_PORT", "tcp://10.0.0.1:8000", "API_PORT is 'tcp://10.0.0.1:8000', which Kubernetes sets for a Service named api: set enableServiceLinks: false in the pod specification, or set API_PORT to a number.")]
    [TestCase("Api", "REDIS_HOST", "redis://localhost", "REDIS_HOST must be a comma-separated list of host or host:port, not 'redis://localhost'.")]
    [TestCase("Api", "API_TLS_CERT_FILE", "/nowhere", "API_TLS_CERT_FILE and API_TLS_KEY_FILE must be set together: API_TLS_KEY_FILE is missing.")]
    [TestCase("Api", "CORS_ORIGINS", "https://a.example/", "CORS_ORIGINS must be a comma-separated list of origins (https://shop.example.com) or *, not 'https://a.example/'.")]
    [TestCase("Api", "TRUSTED_PROXIES", "10.0.0.0/8, proxy", "TRUSTED_PROXIES must be a comma-separated list of addresses or networks (10.0.0.0/8), not 'proxy'.")]
    [TestCase("Api", "LOG_FORMAT", "xml", "LOG_FORMAT must be text or json, not 'xml'.")]
    [TestCase("Worker", "LOG_FORMAT", "JSON", "LOG_FORMAT must be text or json, not 'JSON'.")]
    public async Task AWrongSettingIsNamed(string service, string key, string? value, string sentence)
    {
        var settings = new Dictionary<string, string>(Right);
        settings.Remove(key);
        if (value is not null)
        {
            settings[key] = value;
        }

        await using var process = ServiceUnderTest.Launch(service, settings);

        Assert.That(await process.ExitAsync(), Is.EqualTo(ServiceProcess.WrongSettings));
        Assert.That(process.Output, Is.EqualTo(sentence));
    }

    [Test]
    public async Task APortThatIsTakenIsToldInASentence()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.IPv6Any, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;
        await using var process = ServiceUnderTest.Launch("Api", new Dictionary<string, string>(Right) { ["API_PORT"] = $"{port}" });

        Assert.That(await process.ExitAsync(), Is.EqualTo(ServiceProcess.WrongSettings));
        Assert.That(process.Output, Is.EqualTo($"API_PORT is {port}, but another process listens on that port."));
    }
}
