using System.Diagnostics;
using System.Globalization;
using System.Net.NetworkInformation;
using Npgsql;
using ProductCache.Contracts;
using ProductCache.Standalone;

namespace ProductCache.Bench;

/// <summary>PostgreSQL, Redis and Kafka (embedded, or the one of KAFKA_BOOTSTRAP), and an Api and a Worker process.</summary>
internal sealed class BenchServers : IAsyncDisposable
{
    /// <summary>Of the entries of a second deployment on the same Redis.</summary>
    public const string MappedNamespace = "mapped";

    private readonly string folder;
    private readonly PrivatePostgres postgres;
    private readonly PrivateRedis redis;
    private readonly EmbeddedKafka? kafka;
    private readonly List<Process> processes = [];
    private readonly Dictionary<int, Process> apis = [];
    private Dictionary<string, string> settings = [];

    private BenchServers(string folder, PrivatePostgres postgres, PrivateRedis redis, EmbeddedKafka? kafka)
    {
        this.folder = folder;
        this.postgres = postgres;
        this.redis = redis;
        this.kafka = kafka;
        DataSource = NpgsqlDataSource.Create(postgres.ConnectionString);
    }

    public NpgsqlDataSource DataSource { get; }

    public string ConnectionString => postgres.ConnectionString;

    public string Redis => $"127.0.0.1:{redis.Port}";

    public string KafkaBootstrap => kafka?.Bootstrap ?? Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP")!;

    public string KafkaName => kafka is null ? "Kafka" : "embedded Kafka";

    public int FetchWait => kafka is null ? 500 : 5;

    public int ApiPort { get; private set; }

    // Prepared statements, as the service has them. The pools of all processes together must fit into PostgreSQL's 100 connections.
    private string PeerConnectionString => $"{ConnectionString};Maximum Pool Size=10;Max Auto Prepare=20;Auto Prepare Min Usages=2";

    public static async Task<BenchServers> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("product-cache-bench-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        var ports = new Ports();
        var postgres = await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), ports.Take(25_433));
        var redis = await PrivateRedis.StartAsync(ports.Take(26_379));
        var kafka = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP")) ? new EmbeddedKafka([.. Topics.All, .. Topics.All.Select(topic => $"{MappedNamespace}.{topic}")]) : null;
        var servers = new BenchServers(folder, postgres, redis, kafka);
        await servers.StartServiceAsync(ports.Take(28_000), ports.Take(28_001));
        return servers;
    }

    /// <summary>Starts one of <see cref="Peers"/>, and returns its port when it listens.</summary>
    public async Task<int> StartPeerAsync(string peer, TimeSpan ttl, TimeSpan memoryTtl)
    {
        var port = new Ports().Take(28_100);
        var settings = new PeerSettings(Redis, PeerConnectionString, ttl, memoryTtl);
        Launch("ProductCache.Bench.dll", ["peer", peer, $"{port}"], settings.ToEnvironment());
        await ListensAsync(port);
        return port;
    }

    /// <summary>Starts another Api process, and returns when it is ready.</summary>
    public async Task<int> StartApiAsync(params IEnumerable<KeyValuePair<string, string>> overrides)
    {
        var port = new Ports().Take(28_200);
        var own = SettingsWith([KeyValuePair.Create("API_PORT", port.ToString(CultureInfo.InvariantCulture)), .. overrides]);
        apis[port] = Launch("ProductCache.Api.dll", [], own);
        await ReadyAsync(port);
        return port;
    }

    /// <summary>Replaces the Worker by one with other settings, and returns when it is ready.</summary>
    public async Task ReplaceWorkerAsync(params IEnumerable<KeyValuePair<string, string>> overrides)
    {
        processes[0].Kill();
        await processes[0].WaitForExitAsync();
        var own = SettingsWith(overrides);

        var worker = Launch("ProductCache.Worker.dll", [], own);
        processes.Remove(worker);
        processes[0] = worker;
        await ReadyAsync(int.Parse(own["WORKER_PORT"], CultureInfo.InvariantCulture));
    }

    /// <summary>The process of an Api of <see cref="StartApiAsync"/>.</summary>
    public Process ApiOn(int port) => apis[port];

    /// <summary>Starts an Api and a Worker with entries of their own in the same Redis, and returns the port of the Api when both are ready.</summary>
    public async Task<int> StartBesideAsync(params IEnumerable<KeyValuePair<string, string>> overrides)
    {
        var worker = new Ports().Take(28_300);
        var own = SettingsWith(
        [
            KeyValuePair.Create("CACHE_NAMESPACE", MappedNamespace),
            KeyValuePair.Create("WORKER_PORT", worker.ToString(CultureInfo.InvariantCulture)),
            .. overrides,
        ]);
        Launch("ProductCache.Worker.dll", [], own);
        await ReadyAsync(worker);
        return await StartApiAsync(own.Where(setting => setting.Key != "API_PORT"));
    }

    /// <summary>Starts an Api and a Worker for the products of a mapping, and returns the port of the Api when both are ready.</summary>
    public async Task<int> StartMappedAsync(string mapping)
    {
        var worker = new Ports().Take(28_300);
        Dictionary<string, string> own = new(settings)
        {
            ["PRODUCT_MAPPING"] = mapping,
            ["DB_MIGRATE"] = "on",
            ["CACHE_NAMESPACE"] = MappedNamespace,
            ["WORKER_PORT"] = worker.ToString(CultureInfo.InvariantCulture),
        };
        Launch("ProductCache.Worker.dll", [], own);
        await ReadyAsync(worker);
        return await StartApiAsync(own.Where(setting => setting.Key != "API_PORT"));
    }

    public async Task<long> InsertAsync(int count)
    {
        await using var command = DataSource.CreateCommand(
            """
            WITH inserted AS (
              INSERT INTO products (name, price, description)
              SELECT 'Product ' || n, 9.99, repeat('x', 100) FROM generate_series(1, $1) AS n ORDER BY n RETURNING id)
            SELECT min(id) FROM inserted
            """);
        command.Parameters.AddWithValue(count);

        // A million rows take longer than the default of 30 s where others have the processors.
        command.CommandTimeout = 600;
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Writes what PostgreSQL holds in memory to disk. The service's own user may not.</summary>
    public async Task CheckpointAsync(TimeSpan timeout)
    {
        await using var administrator = NpgsqlDataSource.Create(postgres.AdministratorConnectionString);
        await using var command = administrator.CreateCommand("CHECKPOINT");
        command.CommandTimeout = (int)timeout.TotalSeconds;
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Resident memory of the Api and the Worker, in MiB.</summary>
    public (long Api, long Worker) Memory() => (Memory(processes[1]), Memory(processes[0]));

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(processes))
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        await DataSource.DisposeAsync();
        kafka?.Dispose();
        await redis.DisposeAsync();
        await postgres.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static long Memory(Process process)
    {
        process.Refresh();
        return process.WorkingSet64 / (1024 * 1024);
    }

    // The last one of a key counts.
    private Dictionary<string, string> SettingsWith(IEnumerable<KeyValuePair<string, string>> overrides)
    {
        Dictionary<string, string> own = new(settings);
        foreach (var (key, value) in overrides)
        {
            own[key] = value;
        }

        return own;
    }

    private static Task ListensAsync(int port) => Retry.UntilAsync(
        () => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port)
            ? Task.CompletedTask
            : throw new TimeoutException("not yet"),
        exception => exception is TimeoutException,
        TimeSpan.FromSeconds(30),
        $"The process on port {port}");

    private async Task StartServiceAsync(int apiPort, int workerPort)
    {
        ApiPort = apiPort;
        settings = new Dictionary<string, string>
        {
            ["DB_HOST"] = "127.0.0.1",
            ["DB_PORT"] = postgres.Port.ToString(CultureInfo.InvariantCulture),
            ["DB_NAME"] = PrivatePostgres.Database,
            ["DB_USER"] = PrivatePostgres.User,
            ["DB_PASSWORD"] = postgres.Password,
            ["REDIS_HOST"] = "127.0.0.1",
            ["REDIS_PORT"] = redis.Port.ToString(CultureInfo.InvariantCulture),
            ["KAFKA_BOOTSTRAP"] = KafkaBootstrap,
            ["KAFKA_GROUP"] = $"bench-{Guid.NewGuid():N}",
            ["API_PORT"] = apiPort.ToString(CultureInfo.InvariantCulture),
            ["WORKER_PORT"] = workerPort.ToString(CultureInfo.InvariantCulture),
        };
        if (kafka is not null)
        {
            foreach (var (key, value) in EmbeddedKafka.ClientSettings)
            {
                settings[key] = value;
            }
        }

        Launch("ProductCache.Worker.dll", [], settings);
        Launch("ProductCache.Api.dll", [], settings);
        await ReadyAsync(workerPort);
        await ReadyAsync(apiPort);
    }

    private static Task ReadyAsync(int port) => Retry.UntilAsync(
        async () =>
        {
            using var client = new HttpClient();
            (await client.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"))).EnsureSuccessStatusCode();
        },
        exception => exception is HttpRequestException,
        TimeSpan.FromSeconds(60),
        $"The service on port {port}");

    private Process Launch(string assembly, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]);
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        start.Environment["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "Warning";
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        var process = Process.Start(start)!;
        processes.Add(process);
        return process;
    }
}
