using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using ProductCache.IntegrationTests.Redis;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Security;

/// <summary>A Redis that asks for TLS and a login: each fault is a sentence with the server, the setting and the reason, and passes by itself.</summary>
public sealed class RedisTlsTests
{
    private const string User = "shop";
    private const string Password = "of-the-shop";

    private readonly TestCertificates certificates = new();
    private readonly TestCertificates strangers = new();
    private readonly int port = TestServer.FreePort();
    private PrivateRedis server = null!;
    private IConnectionMultiplexer admin = null!;

    private string Server => $"Redis at localhost:{port}";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var (certificate, key) = certificates.Issue("redis");
        server = await PrivateRedis.StartAsync(
            TestServer.FreePort(),
            "--tls-port", $"{port}", "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificates.AuthorityFile,
            "--tls-auth-clients", "optional");
        admin = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},allowAdmin=true");
        await ExecuteAsync("ACL", "SETUSER", User, "on", $">{Password}", "~*", "&*", "+@all");
        await ExecuteAsync("ACL", "SETUSER", "default", "resetpass", ">of-the-administrator");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await admin.DisposeAsync();
        await server.DisposeAsync();
        certificates.Dispose();
        strangers.Dispose();
    }

    [Test]
    public async Task AUserOverTlsIsServed()
    {
        await using var services = Services();
        await BecomesAsync(services, null);
        var id = new ProductCache.Domain.ProductId(7);

        Assert.That(await services.GetRequiredService<IGuardedCache>().TakeLeaseAsync(id, default), Is.Not.Null);
        Assert.That(await services.GetRequiredService<IDistributedCache>().GetAsync(CacheKeys.Entry(id)), Is.Null);
    }

    [Test]
    public async Task AnAuthorityIsReplacedWithoutARestart()
    {
        var file = Path.Combine(certificates.Folder, "replaced-ca.pem");
        File.Copy(strangers.AuthorityFile, file);
        await using var services = Services(("REDIS_CA_FILE", file));
        await BecomesAsync(services, $"{Server} shows a certificate that is not signed by a CA in REDIS_CA_FILE (REDIS_TLS, REDIS_CA_FILE).");
        Assert.That(
            () => services.GetRequiredService<IGuardedCache>().TakeLeaseAsync(TestProducts.NewId(), default),
            Throws.TypeOf<UnavailableException>().With.Message.Not.Contains("password"));

        File.Copy(certificates.AuthorityFile, file, overwrite: true);

        await BecomesAsync(services, null);
    }

    [Test]
    public async Task ACertificateForAnotherHostIsRefused()
    {
        await ServeAsync(certificates.Issue("other", hosts: ["cache.example"]));
        await using var services = Services();
        await BecomesAsync(services, $"{Server} shows a certificate for cache.example, not for localhost (REDIS_TLS, REDIS_CA_FILE).");

        await ServeAsync(certificates.Issue("redis"));

        await BecomesAsync(services, null);
    }

    [Test]
    public async Task AnExpiredCertificateIsRefusedUntilItIsReplaced()
    {
        await ServeAsync(certificates.Issue("expired", validDays: -1));
        await using var services = Services();
        await BecomesAsync(services, $"{Server} shows a certificate that is valid from");

        await ServeAsync(certificates.Issue("redis"));

        await BecomesAsync(services, null);
    }

    [Test]
    public async Task AServerWithoutTlsIsNotUsedInPlaintext()
    {
        await using var services = Services(("REDIS_PORT", $"{server.Port}"));

        await BecomesAsync(services, $"Redis at localhost:{server.Port} does not speak TLS, or needs a certificate of the client (REDIS_TLS, REDIS_CERT_FILE).");
    }

    [Test]
    public async Task AServerWithTlsIsNotUsedByAClientWithoutIt()
    {
        await using var services = Services(("REDIS_TLS", "false"), ("REDIS_CA_FILE", string.Empty));

        await BecomesAsync(services, $"{Server} cannot be reached (REDIS_HOST)");
    }

    [Test]
    public async Task AWrongPasswordIsToldUntilItsFileIsReplaced()
    {
        var file = Path.Combine(certificates.Folder, "password");
        await File.WriteAllTextAsync(file, "wrong");
        await using var services = Services(("REDIS_PASSWORD", string.Empty), ("REDIS_PASSWORD_FILE", file));
        await BecomesAsync(services, $"{Server} rejects the login, or requires one (REDIS_USER, REDIS_PASSWORD_FILE).");

        await File.WriteAllTextAsync(file, Password);

        await BecomesAsync(services, null);
    }

    [Test]
    public async Task ALockedAccountIsToldUntilItIsUnlocked()
    {
        await ExecuteAsync("ACL", "SETUSER", User, "off");
        await using var services = Services();
        try
        {
            await BecomesAsync(services, $"{Server} rejects the login, or requires one (REDIS_USER, REDIS_PASSWORD).");
        }
        finally
        {
            await ExecuteAsync("ACL", "SETUSER", User, "on");
        }

        await BecomesAsync(services, null);
    }

    // The client library tells the first failure of a connection only; of a server under load it can be one that took too long.
    [Test]
    public async Task ARejectedLoginIsFoundAlsoIfTheFirstFailureWasAnotherOne([Values] bool closed)
    {
        await using var services = Services(("REDIS_PASSWORD", "wrong"));
        var faults = services.GetRequiredService<RedisFaults>();
        faults.Failed(closed ? new IOException("The server has closed the connection.") : new TimeoutException("The first connection was slow."));

        Assert.That(
            await faults.ExplainAsync(new TimeoutException("Redis did not answer."), default),
            Does.StartWith($"{Server} rejects the login, or requires one"));
    }

    [Test]
    public async Task ACertificateOfTheClientIsShown()
    {
        var (tlsPort, served, client) = (TestServer.FreePort(), certificates.Issue("redis"), certificates.Issue("client"));
        await using var strict = await PrivateRedis.StartAsync(
            TestServer.FreePort(),
            "--tls-port", $"{tlsPort}", "--tls-cert-file", served.Certificate, "--tls-key-file", served.Key,
            "--tls-ca-cert-file", certificates.AuthorityFile, "--tls-auth-clients", "yes");
        (string, string)[] login = [("REDIS_PORT", $"{tlsPort}"), ("REDIS_USER", string.Empty), ("REDIS_PASSWORD", string.Empty)];
        await using var with = Services([.. login, ("REDIS_CERT_FILE", client.Certificate), ("REDIS_KEY_FILE", client.Key)]);
        await using var without = Services(login);

        await BecomesAsync(with, null);
        await BecomesAsync(without, $"Redis at localhost:{tlsPort} does not speak TLS, or needs a certificate of the client (REDIS_TLS, REDIS_CERT_FILE).");
    }

    // The client library connects again by itself.
    private static async Task BecomesAsync(IServiceProvider services, string? reason)
    {
        string? last = null;
        await Eventually.TrueAsync(
            async () =>
            {
                var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
                last = report.Entries["redis"].Description;
                return reason is null ? last is null : last?.StartsWith(reason, StringComparison.Ordinal) == true;
            },
            () => $"{reason}; it is: {last}");
    }

    private ServiceProvider Services(params (string Key, string Value)[] others) => RedisServices.OfReaders(TestSettings.Of(
        new Dictionary<string, string>
        {
            ["REDIS_HOST"] = "localhost",
            ["REDIS_PORT"] = $"{port}",
            ["REDIS_USER"] = User,
            ["REDIS_PASSWORD"] = Password,
            ["REDIS_TLS"] = "true",
            ["REDIS_CA_FILE"] = certificates.AuthorityFile,
        },
        others));

    private async Task ServeAsync((string Certificate, string Key) pair)
    {
        await ExecuteAsync("CONFIG", "SET", "tls-cert-file", pair.Certificate, "tls-key-file", pair.Key);
        await Eventually.TrueAsync(async () =>
        {
            string? shown = null;
            using var connection = new TcpClient();
            await connection.ConnectAsync("127.0.0.1", port);
            await using var tls = new SslStream(connection.GetStream(), false, (_, certificate, _, _) => (shown = certificate!.Subject) is not null);
            await tls.AuthenticateAsClientAsync("localhost");
            return pair.Certificate.Contains($"/{shown![3..]}-", StringComparison.Ordinal);
        });
    }

    private Task ExecuteAsync(string command, params object[] arguments) => admin.GetServers()[0].ExecuteAsync(command, arguments);
}
