using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>A Kafka that asks for TLS and a login: each fault is a sentence with the server, the setting and the reason, and passes by itself.</summary>
public sealed class KafkaTlsTests
{
    private readonly TestCertificates strangers = new();
    private SecureKafka kafka = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => kafka = await TestServers.StartSecureKafkaAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        strangers.Dispose();
        if (kafka is not null)
        {
            await kafka.DisposeAsync();
        }
    }

    [Test]
    public async Task AnAuthorityIsReplacedWithoutARestart()
    {
        var file = Path.Combine(strangers.Folder, "replaced-ca.pem");
        File.Copy(strangers.AuthorityFile, file);
        await using var host = await Host.StartAsync(SettingsWith(("KAFKA_CA_FILE", file)));
        await host.BecomesAsync($"Kafka at {kafka.Bootstrap} shows a certificate that is not signed by a CA in KAFKA_CA_FILE (KAFKA_SECURITY_PROTOCOL, KAFKA_CA_FILE).");

        File.Copy(kafka.CaCertificate, file, overwrite: true);

        await host.BecomesAsync(null);
    }

    [Test]
    public async Task APasswordIsReplacedWithoutARestart()
    {
        const string user = "rotating";
        var file = Path.Combine(strangers.Folder, "password");
        await kafka.AddUserAsync(user, "the-first");
        await kafka.GrantAsync(user, Confluent.Kafka.Admin.AclOperation.All, (Confluent.Kafka.Admin.ResourceType.Topic, "*"), (Confluent.Kafka.Admin.ResourceType.Group, "*"));
        await File.WriteAllTextAsync(file, "the-first\n");
        await using var host = await Host.StartAsync(SettingsWith(
            ("KAFKA_SASL_USER", user), ("KAFKA_SASL_PASSWORD", string.Empty), ("KAFKA_SASL_PASSWORD_FILE", file), ("KAFKA_CREATE_TOPICS", "true")));
        await host.BecomesAsync(null);
        await host.ProducesAsync();

        await kafka.AddUserAsync(user, "the-second");
        await File.WriteAllTextAsync(file, "the-second\n");
        await Eventually.TrueAsync(() => host.Log.Lines.Any(line => line.Contains("connecting anew", StringComparison.Ordinal)));

        await host.BecomesAsync(null);
        await host.ProducesAsync();
    }

    [Test]
    public async Task AWrongPasswordIsTold()
    {
        await using var host = await Host.StartAsync(SettingsWith(("KAFKA_SASL_PASSWORD", "wrong")));

        await host.BecomesAsync($"Kafka at {kafka.Bootstrap} rejects the login (KAFKA_SASL_USER, KAFKA_SASL_PASSWORD): ");
    }

    [Test]
    public async Task AClientWithoutTlsDoesNotGetThrough()
    {
        await using var host = await Host.StartAsync(TestSettings.Of(("KAFKA_BOOTSTRAP", kafka.Bootstrap)));

        await host.BecomesAsync($"Kafka at {kafka.Bootstrap} ");
    }

    [Test]
    public async Task ABrokerWithoutTlsIsNotUsedInPlaintext()
    {
        var plain = (await SharedServers.Kafka).Bootstrap.Split(',')[0];
        await using var host = await Host.StartAsync(TestSettings.Of(
            ("KAFKA_BOOTSTRAP", plain), ("KAFKA_SECURITY_PROTOCOL", "SSL"), ("KAFKA_CA_FILE", kafka.CaCertificate)));

        await host.BecomesAsync($"Kafka at {plain} does not speak TLS, or needs a certificate of the client (KAFKA_SECURITY_PROTOCOL, KAFKA_CA_FILE).");
    }

    private Settings SettingsWith(params (string Key, string Value)[] others) => TestSettings.Of(
        new Dictionary<string, string>
        {
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["KAFKA_SECURITY_PROTOCOL"] = "SASL_SSL",
            ["KAFKA_SASL_MECHANISM"] = "SCRAM-SHA-512",
            ["KAFKA_SASL_USER"] = kafka.User,
            ["KAFKA_SASL_PASSWORD"] = kafka.Password,
            ["KAFKA_CA_FILE"] = kafka.CaCertificate,
            ["KAFKA_CREATE_TOPICS"] = "false",
        },
        others);

    /// <summary>What the Api has of Kafka.</summary>
    private sealed class Host : IAsyncDisposable
    {
        private readonly IHost host;

        private Host(IHost host, RecordedLog log) => (this.host, Log) = (host, log);

        public RecordedLog Log { get; }

        public static async Task<Host> StartAsync(Settings settings)
        {
            var options = KafkaOptions.Read(settings);
            settings.ThrowIfWrong();
            var log = new RecordedLog(305);
            var host = new HostBuilder()
                .ConfigureLogging(logging => logging.ClearProviders().AddProvider(log))
                .ConfigureServices(services => services.AddSingleton(TimeProvider.System).AddKafkaForReaders(options))
                .Build();
            await host.StartAsync();
            return new Host(host, log);
        }

        public async Task BecomesAsync(string? reason)
        {
            string? last = null;
            await Eventually.TrueAsync(
                async () =>
                {
                    var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "kafka");
                    last = report.Entries["kafka"].Description;
                    return reason is null ? last is null : last?.StartsWith(reason, StringComparison.Ordinal) == true;
                },
                () => $"{reason}; it is: {last}");
        }

        public Task ProducesAsync() => Eventually.TrueAsync(async () =>
        {
            try
            {
                await host.Services.GetRequiredService<IFillRequestPublisher>().PublishAsync(new ProductId(1), null, default);
                return true;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });

        public async ValueTask DisposeAsync()
        {
            await host.StopAsync();
            host.Dispose();
            Log.Dispose();
        }
    }
}
