using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>A PostgreSQL that asks for TLS and a login: each fault is a sentence with the server, the setting and the reason, and passes by itself.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class PostgresTlsTests
{
    private const string User = "shop";
    private const string Password = "of the shop";

    private readonly TestCertificates certificates = new();
    private readonly TestCertificates strangers = new();
    private PrivatePostgres server = null!;
    private string folder = null!;
    private string servedCertificate = null!;
    private string servedKey = null!;

    private string Server => $"PostgreSQL at localhost:{server.Port}";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        folder = Directory.CreateTempSubdirectory("postgres-tls-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        (servedCertificate, servedKey) = (Path.Combine(certificates.Folder, "served.pem"), Path.Combine(certificates.Folder, "served.key"));
        await ServeAsync(certificates.Issue("postgres"), reload: false);
        server = await PrivatePostgres.StartAsync(
            Path.Combine(folder, "postgres"),
            TestServer.FreePort(),
            "fsync=off",
            $"ssl_cert_file={servedCertificate}",
            $"ssl_key_file={servedKey}",
            $"ssl_ca_file={certificates.AuthorityFile}");
        await ExecuteAsync($"CREATE ROLE {User} LOGIN PASSWORD '{Password}'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()");
        await Eventually.TrueAsync(HasTlsAsync);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        certificates.Dispose();
        strangers.Dispose();
    }

    [TestCase("disable", false)]
    [TestCase("prefer", true)]
    [TestCase("require", true)]
    [TestCase("verify-ca", true)]
    [TestCase("verify-full", true)]
    public async Task EachModeEncryptsOrDoesNot(string mode, bool encrypts)
    {
        await using var services = Services(mode);
        var dataSource = services.GetRequiredService<NpgsqlDataSource>();

        await using var command = dataSource.CreateCommand("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");

        Assert.That(await command.ExecuteScalarAsync(), Is.EqualTo(encrypts));
    }

    [TestCase("verify-ca")]
    [TestCase("verify-full")]
    public async Task AnotherAuthorityIsRefused(string mode)
    {
        await using var services = Services(mode, ("DB_SSL_CA_FILE", strangers.AuthorityFile));

        Assert.That(
            await ReasonAsync(services),
            Is.EqualTo($"{Server} shows a certificate that is not signed by a CA in DB_SSL_CA_FILE (DB_SSL_MODE)."));
    }

    [Test]
    public async Task AnAuthorityIsReplacedWithoutARestart()
    {
        var file = Path.Combine(certificates.Folder, "replaced-ca.pem");
        File.Copy(strangers.AuthorityFile, file);
        await using var services = Services("verify-full", ("DB_SSL_CA_FILE", file));
        Assert.That(await ReasonAsync(services), Does.Contain("not signed by"));

        File.Copy(certificates.AuthorityFile, file, overwrite: true);

        Assert.That(await ReasonAsync(services), Is.Null);
    }

    [Test]
    public async Task ACertificateForAnotherHostIsRefusedUnlessOnlyItsAuthorityIsVerified()
    {
        await ServeAsync(certificates.Issue("other", hosts: ["db.example", "10.0.0.1"]));
        try
        {
            await using var full = Services("verify-full");
            await using var authority = Services("verify-ca");

            Assert.That(await ReasonAsync(full), Is.EqualTo($"{Server} shows a certificate for db.example, 10.0.0.1, not for localhost (DB_SSL_MODE)."));
            Assert.That(await ReasonAsync(authority), Is.Null);
        }
        finally
        {
            await ServeAsync(certificates.Issue("postgres"));
        }
    }

    [Test]
    public async Task AnExpiredCertificateIsRefusedUntilItIsReplaced()
    {
        await ServeAsync(certificates.Issue("expired", validDays: -1));
        await using var services = Services("verify-full");

        Assert.That(await ReasonAsync(services), Does.Match($"^{Server} shows a certificate that is valid from .* to .*, or one of its CAs is not valid now \\(DB_SSL_MODE\\)\\.$"));

        await ServeAsync(certificates.Issue("postgres"));

        Assert.That(await ReasonAsync(services), Is.Null);
    }

    [Test]
    public async Task AServerWithoutTlsIsNotUsedInPlaintext()
    {
        await ExecuteAsync("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()");
        try
        {
            await using var services = Services("require", ("DB_SSL_CA_FILE", string.Empty));

            await Eventually.TrueAsync(async () => await ReasonAsync(services) == $"{Server} does not offer TLS, which DB_SSL_MODE requires.");
        }
        finally
        {
            await ExecuteAsync("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()");
            await Eventually.TrueAsync(HasTlsAsync);
        }
    }

    [Test]
    public async Task AWrongPasswordIsToldUntilItsFileIsReplaced()
    {
        var file = Path.Combine(certificates.Folder, "password");
        await File.WriteAllTextAsync(file, "wrong");
        await using var services = Services("verify-full", ("DB_PASSWORD", string.Empty), ("DB_PASSWORD_FILE", file));

        Assert.That(
            await ReasonAsync(services),
            Is.EqualTo($"{Server} rejects the user or the password, or the password has expired (DB_USER, DB_PASSWORD_FILE): password authentication failed for user \"{User}\" (SQLSTATE 28P01)."));

        await File.WriteAllTextAsync(file, Password);

        Assert.That(await ReasonAsync(services), Is.Null);
    }

    [TestCase("VALID UNTIL '2020-01-01'", "VALID UNTIL 'infinity'", "rejects the user or the password, or the password has expired (DB_USER, DB_PASSWORD)")]
    [TestCase("NOLOGIN", "LOGIN", "does not let the user log in: the account is locked")]
    public async Task AnExpiredPasswordAndALockedAccountAreTold(string locked, string unlocked, string sentence)
    {
        await ExecuteAsync($"ALTER ROLE {User} {locked}");
        await using var services = Services("verify-full");
        try
        {
            Assert.That(await ReasonAsync(services), Does.StartWith($"{Server} {sentence}"));
        }
        finally
        {
            await ExecuteAsync($"ALTER ROLE {User} {unlocked}");
        }

        Assert.That(await ReasonAsync(services), Is.Null);
    }

    [Test]
    public async Task ACertificateCanBeTheLogin()
    {
        var (certificate, key) = certificates.Issue(User);
        var rules = Path.Combine(folder, "postgres", "data", "pg_hba.conf");
        var before = await File.ReadAllTextAsync(rules);
        await File.WriteAllTextAsync(rules, $"hostssl all {User} 127.0.0.1/32 cert\n{before}");
        await ExecuteAsync("SELECT pg_reload_conf()");
        try
        {
            await using var services = Services("verify-full", ("DB_PASSWORD", string.Empty), ("DB_SSL_CERT_FILE", certificate), ("DB_SSL_KEY_FILE", key));
            await using var without = Services("verify-full");

            await Eventually.TrueAsync(async () => await ReasonAsync(services) is null);
            Assert.That(await ReasonAsync(without), Does.StartWith($"{Server} does not let the user log in"));
        }
        finally
        {
            await File.WriteAllTextAsync(rules, before);
            await ExecuteAsync("SELECT pg_reload_conf()");
        }
    }

    [Test]
    public async Task AConnectionStringStandsForTheOtherSettings()
    {
        var settings = TestSettings.Of(
            ("DB_CONNECTION_STRING", $"Host=localhost;Port={server.Port};Database=postgres;Username={User};Password={Password};SSL Mode=VerifyFull;Root Certificate={certificates.AuthorityFile}"));
        await using var services = ServicesOf(PostgresOptions.Read(settings));

        Assert.That(await ReasonAsync(services), Is.Null);
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public async Task ThePrimaryOfSeveralHostsIsFound()
    {
        var nothing = TestServer.FreePort();
        await using var services = Services("verify-full", ("DB_HOST", $"localhost:{nothing},localhost:{server.Port}"), ("DB_PORT", string.Empty));

        Assert.That(await ReasonAsync(services), Is.Null);
    }

    private static async Task<string?> ReasonAsync(IServiceProvider services)
    {
        NpgsqlConnection.ClearAllPools();
        services.GetRequiredService<NpgsqlDataSource>().Clear();
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries["postgresql"].Description;
    }

    private ServiceProvider Services(string mode, params (string Key, string Value)[] others)
    {
        var settings = TestSettings.Of(
            new Dictionary<string, string>
            {
                ["DB_HOST"] = "localhost",
                ["DB_PORT"] = $"{server.Port}",
                ["DB_NAME"] = "postgres",
                ["DB_USER"] = User,
                ["DB_PASSWORD"] = Password,
                ["DB_SSL_MODE"] = mode,
                ["DB_SSL_CA_FILE"] = mode.StartsWith("verify", StringComparison.Ordinal) ? certificates.AuthorityFile : string.Empty,
            },
            others);
        var options = PostgresOptions.Read(settings);
        settings.ThrowIfWrong();
        return ServicesOf(options);
    }

    private static ServiceProvider ServicesOf(PostgresOptions options) =>
        new ServiceCollection().AddLogging().AddPostgresForWriters(options).BuildServiceProvider();

    private async Task ServeAsync((string Certificate, string Key) pair, bool reload = true)
    {
        File.Copy(pair.Certificate, servedCertificate, overwrite: true);
        File.Copy(pair.Key, servedKey, overwrite: true);
        await TestCertificates.GiveToAsync("postgres", servedKey);
        if (reload)
        {
            // The server handles the signal later, and keeps what it has where a signal of before meets only one of the two files.
            using var served = X509CertificateLoader.LoadCertificateFromFile(pair.Certificate);
            await Eventually.TrueAsync(async () =>
            {
                await ExecuteAsync("SELECT pg_reload_conf()");
                return await CertificateAsync() == served.GetCertHashString();
            });
        }
    }

    // What the server shows to a client that verifies nothing.
    private async Task<string?> CertificateAsync()
    {
        string? shown = null;
        var builder = new NpgsqlDataSourceBuilder($"{server.AdministratorConnectionString};SSL Mode=Require;Pooling=false");
        builder.UseSslClientAuthenticationOptionsCallback(handshake => handshake.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            shown = certificate!.GetCertHashString();
            return true;
        });
        await using var dataSource = builder.Build();
        await using var connection = await dataSource.OpenConnectionAsync();
        return shown;
    }

    private async Task<bool> HasTlsAsync()
    {
        try
        {
            return await CertificateAsync() is not null;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var dataSource = NpgsqlDataSource.Create($"{server.AdministratorConnectionString};Pooling=false");
        foreach (var statement in statements)
        {
            await using var command = dataSource.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
    }
}
