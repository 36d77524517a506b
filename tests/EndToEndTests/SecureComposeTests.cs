using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>deploy/docker-compose.secure.yml with two Apis and three Workers, where a container engine answers and has the images.</summary>
[Category(TestCategories.Containers)]
public sealed class SecureComposeTests
{
    private const string MakeSecrets = "secure/make-secrets.sh";

    private static readonly string[] Tasks = ["migrate", "grant", "kafka-rights"];
    private static readonly string[] Services = ["api", "api", "worker", "worker", "worker", "postgres", "redis", "kafka"];

    private ComposeProject? project;
    private IReadOnlyList<ComposeContainer> containers = [];

    private ComposeProject Project => project!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        project = await ComposeProject.CreateAsync("docker-compose.yml", "docker-compose.secure.yml");
        await MakeSecretsAsync();
        await Project.ComposeAsync("up", "--build", "-d", "--scale", "worker=3", "--scale", "api=2");
        await Eventually.TrueAsync(
            async () =>
            {
                containers = await Project.ContainersAsync();
                return containers.Where(container => container.IsRunning).All(container => container.Health == "healthy");
            },
            () => string.Join(", ", containers.Select(container => $"{container.Service} {container.Health}")));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (project is not null)
        {
            await project.DisposeAsync();
        }
    }

    [Test]
    public void AllServicesRunAndAllTasksHaveEndedWell()
    {
        Assert.That(containers.Where(container => container.IsRunning).Select(container => container.Service), Is.EquivalentTo(Services));
        Assert.That(
            containers.Where(container => !container.IsRunning).Select(container => (container.Service, container.Description["State"]!["ExitCode"]!.GetValue<int>())),
            Is.EquivalentTo(Tasks.Select(task => (task, 0))));
    }

    [Test]
    public async Task AProductThatOneApiTakesIsReadFromTheOther()
    {
        using var writer = ClientOf(Project.ApiPort);
        using var reader = ClientOf(Project.ApiPort + 1);
        writer.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", SecretOf("api-key"));

        using var created = await writer.PostAsJsonAsync("/api/v1/products", new { name = "Tea", price = 3.50, description = "Green" });

        Assert.That(created.StatusCode, Is.EqualTo(HttpStatusCode.Created), await created.Content.ReadAsStringAsync());
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await reader.GetAsync(created.Headers.Location);
            return answer.StatusCode == HttpStatusCode.OK;
        });
    }

    [Test]
    public async Task AWriteNeedsAKey()
    {
        using var client = ClientOf(Project.ApiPort);

        using var answer = await client.PostAsJsonAsync("/api/v1/products", new { name = "Tea", price = 3.50 });

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task TheMetricsAreNotOnThePublishedPort()
    {
        using var client = ClientOf(Project.ApiPort);

        using var answer = await client.GetAsync("/metrics");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public void NothingButTheApisIsPublished()
    {
        var published = containers.Where(container => container.HostAddresses.Any()).Select(container => container.Service);

        Assert.That(published, Is.EqualTo(new[] { "api", "api" }));
    }

    [Test]
    public void NoSecretStandsInTheVariablesOrArgumentsOfAContainer()
    {
        string[] secrets =
        [
            .. Directory.EnumerateFiles(Project.PathOf("secure/secrets")).Select(File.ReadAllText).SelectMany(SecretsOf),
            .. File.ReadLines(Project.PathOf(".env")).Where(line => line.StartsWith("DB_PASSWORD=", StringComparison.Ordinal)).Select(line => line.Split('=')[1]),
        ];

        Assert.That(secrets, Has.Length.GreaterThan(Tasks.Length + Services.Length).And.All.Not.Empty);
        Assert.That(
            containers.Where(container => secrets.Any(secret => container.Settings.Any(setting => setting.Contains(secret, StringComparison.Ordinal))))
                .Select(container => container.Service),
            Is.Empty);
    }

    [Test]
    public async Task NothingRunsAsRoot()
    {
        Assert.That(containers.Where(container => container.User is "" or "0" or "root").Select(container => container.Service), Is.Empty);
        foreach (var service in Services.Distinct())
        {
            Assert.That((await Project.BashAsync(service, "id -u")).Output.Trim(), Is.Not.Empty.And.Not.EqualTo("0"), service);
        }
    }

    [Test]
    public void EveryContainerIsConfined()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (var container in containers)
            {
                Assert.That(container.Limits["Memory"]!.GetValue<long>(), Is.Positive, container.Service);
                Assert.That(container.Limits["NanoCpus"]!.GetValue<long>(), Is.Positive, container.Service);
                Assert.That(container.Limits["PidsLimit"]!.GetValue<long>(), Is.Positive, container.Service);
                Assert.That(container.Limits["ReadonlyRootfs"]!.GetValue<bool>(), container.Service);
                Assert.That(ComposeContainer.TextsOf(container.Limits["CapDrop"]), Is.EqualTo(new[] { "ALL" }), container.Service);
                Assert.That(ComposeContainer.TextsOf(container.Limits["SecurityOpt"]), Is.EqualTo(new[] { "no-new-privileges:true" }), container.Service);
            }
        }
    }

    [Test]
    public async Task NoServerAnswersWithoutTls()
    {
        // In hexadecimal: PONG, or an error, of Redis; the length of an answer of Kafka.
        Assert.That(await AnswerAsync("redis", 6379, @"PING\r\n"), Does.Not.StartWith("2b").And.Not.StartWith("2d"));
        Assert.That(await AnswerAsync("kafka", 9092, @"\0\0\0\012\0\022\0\0\0\0\0\001\377\377"), Does.Not.StartWith("00"));
        var (exitCode, output) = await PsqlAsync("PGSSLMODE=disable");
        Assert.That(exitCode, Is.Not.Zero);
        Assert.That(output, Does.Contain("no encryption"));

        // So it is the missing TLS that they refused.
        Assert.That(await PsqlAsync("PGSSLMODE=require"), Is.EqualTo((0, "1\n")));
    }

    [Test]
    public async Task NoServerServesWithoutAnAccount()
    {
        Assert.That(
            (await Project.BashAsync("redis", "redis-cli --tls --cacert /run/secrets/ca.crt dbsize")).Output, Does.Contain("NOAUTH"));
        Assert.That(
            (await Project.BashAsync("postgres", "PGSSLMODE=require psql -w -h postgres -U product_cache_api -c 'SELECT 1'")).Output,
            Does.Contain("no password supplied"));
        Assert.That(
            (await Project.BashAsync("postgres", "PGSSLMODE=require psql -w -h postgres -U postgres -c 'SELECT 1'")).Output,
            Does.Contain("rejects connection"));
    }

    [Test]
    public async Task AServiceHasOnlyItsOwnSecrets()
    {
        Assert.That(await SecretsInAsync("api"), Is.EquivalentTo(new[] { "api-keys", "api.crt", "api.key", "ca.crt", "db-api", "kafka-api", "redis-api" }));
        Assert.That(await SecretsInAsync("worker"), Is.EquivalentTo(new[] { "ca.crt", "db-worker", "kafka-worker", "redis-worker" }));
    }

    [Test]
    public async Task OnlyTheApisHaveAWayOutOfThisMachine()
    {
        foreach (var container in containers.Where(container => container.Service != "api"))
        {
            var (_, isInternal) = await Project.RunAsync(["docker", "network", "inspect", "--format", "{{.Internal}}", .. container.Networks], Project.Root);
            Assert.That(isInternal.Trim(), Is.EqualTo("true"), container.Service);
        }
    }

    [Test]
    public async Task SecretsAreNotOverwrittenAndCertificatesAreRenewed()
    {
        var (passwords, certificate) = (SecretOf("db-api"), SecretOf("api.crt"));

        var (exitCode, output) = await Project.RunAsync(["bash", MakeSecrets], Project.PathOf("."));

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("exists").And.Contains("--renew-certificates"));
        Assert.That((SecretOf("db-api"), SecretOf("api.crt")), Is.EqualTo((passwords, certificate)));

        await MakeSecretsAsync("--renew-certificates");

        Assert.That(SecretOf("db-api"), Is.EqualTo(passwords));
        Assert.That(SecretOf("api.crt"), Is.Not.EqualTo(certificate));
        using var chain = new X509Chain { ChainPolicy = OwnAuthority() };
        using var renewed = X509Certificate2.CreateFromPem(SecretOf("api.crt"));
        Assert.That(chain.Build(renewed));
    }

    private async Task MakeSecretsAsync(params string[] arguments)
    {
        var (exitCode, output) = await Project.RunAsync(["bash", MakeSecrets, .. arguments], Project.PathOf("."));
        Assert.That(exitCode, Is.Zero, output);
    }

    private HttpClient ClientOf(int port) => new(new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = OwnAuthority() } })
    {
        BaseAddress = new Uri($"https://localhost:{port}"),
    };

    private X509ChainPolicy OwnAuthority()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(Project.PathOf("secure/ca/ca.crt"));
        return policy;
    }

    private string SecretOf(string name) => File.ReadAllText(Project.PathOf($"secure/secrets/{name}")).Trim();

    /// <summary>The random parts: passwords, keys and hashes.</summary>
    private static IEnumerable<string> SecretsOf(string text) =>
        text.Split(['\n', ' ', '"', '#', ':'], StringSplitOptions.RemoveEmptyEntries).Where(word => word.Length >= 32 && !word.Contains('.', StringComparison.Ordinal));

    private async Task<IEnumerable<string>> SecretsInAsync(string service) =>
        (await Project.BashAsync(service, "ls /run/secrets")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What a server sends first to a client without TLS, in hexadecimal. Empty: it ends the connection.</summary>
    private async Task<string> AnswerAsync(string host, int port, string request)
    {
        var (exitCode, output) = await Project.BashAsync(
            "worker", $"exec 3<>/dev/tcp/{host}/{port} && printf '{request}' >&3 && timeout 5 head -c 4 <&3 2> /dev/null | od -An -tx1");
        Assert.That(exitCode, Is.Zero, output);
        return output.Trim();
    }

    private Task<(int ExitCode, string Output)> PsqlAsync(string mode) => Project.BashAsync(
        "postgres", $"PGPASSWORD=$(< /run/secrets/db-api) {mode} psql -h postgres -U product_cache_api -Atc 'SELECT 1'");
}
