using System.Globalization;
using Npgsql;
using ProductCache.Standalone;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>The servers of this run, two Api and two Worker processes.</summary>
internal sealed class TestBed : IAsyncDisposable
{
    private readonly string folder;
    private readonly PrivatePostgres postgres;
    private readonly PrivateRedis redis;
    private readonly Dictionary<Target, FaultTarget> faultTargets;
    private bool keepLogs;

    private TestBed(string folder, PrivatePostgres postgres, PrivateRedis redis, KafkaServer kafka, ProductTables tables, Ports ports, string? plantedFault)
    {
        Tables = tables;
        this.folder = folder;
        this.postgres = postgres;
        this.redis = redis;
        Kafka = kafka;
        string[] shared =
        [
            .. plantedFault is null ? (IEnumerable<string>)[] : [Arguments.Option(plantedFault)],
            .. Settings().Concat(kafka.ClientSettings).Concat(tables.SettingsIn(folder)).Select(setting => $"--{setting.Key}={setting.Value}"),
        ];
        Services =
        [
            ServiceOf(Target.Worker1, Roles.Worker, "WORKER_PORT", 28_001),
            ServiceOf(Target.Worker2, Roles.Worker, "WORKER_PORT", 28_002),
            ServiceOf(Target.Api1, Roles.Api, "API_PORT", 28_011),
            ServiceOf(Target.Api2, Roles.Api, "API_PORT", 28_012),
        ];
        faultTargets = new Dictionary<Target, FaultTarget>
        {
            [Target.Redis] = new RedisFaultTarget(redis),
            [Target.Postgres] = new PostgresFaultTarget(postgres),
            [Target.Kafka] = new KafkaFaultTarget(kafka),
        };
        foreach (var service in Services)
        {
            faultTargets[service.Target] = service;
        }

        Service ServiceOf(Target target, string role, string portKey, int wanted)
        {
            var port = ports.Take(wanted);
            var log = Path.Combine(LogFolder, $"{target.ToString().ToLowerInvariant()}.log");
            return new Service(target, role, port, log, [.. shared, string.Create(CultureInfo.InvariantCulture, $"--{portKey}={port}")]);
        }
    }

    public string LogFolder => Path.Combine(folder, "logs");

    public KafkaServer Kafka { get; }

    public ProductTables Tables { get; }

    public IReadOnlyList<Service> Services { get; }

    public IEnumerable<Service> Apis => Services.Where(service => service.Target is Target.Api1 or Target.Api2);

    public string RedisAddress => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{redis.Port}");

    public static async Task<TestBed> StartAsync(KafkaServer kafka, ProductTables tables, string? plantedFault)
    {
        var folder = Directory.CreateTempSubdirectory("product-cache-chaos-").FullName;

        // PostgreSQL may run as another user, who must be able to pass through.
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        Directory.CreateDirectory(Path.Combine(folder, "logs"));
        var ports = new Ports();
        PrivatePostgres? postgres = null;
        PrivateRedis? redis = null;
        try
        {
            postgres = await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), ports.Take(25_433));
            redis = await PrivateRedis.StartAsync(ports.Take(26_379));
        }
        catch
        {
            await (redis?.DisposeAsync() ?? default);
            await (postgres?.DisposeAsync() ?? default);
            throw;
        }

        var testBed = new TestBed(folder, postgres, redis, kafka, tables, ports, plantedFault);
        try
        {
            await using var tablesOfRun = testBed.OpenPostgres();
            await tables.CreateAsync(tablesOfRun, CancellationToken.None);

            // The first Worker makes the schema.
            await testBed.Services[0].StartAsync();
            await tables.InstalledAsync(tablesOfRun, CancellationToken.None);
            await Task.WhenAll(testBed.Services.Skip(1).Select(service => service.StartAsync()));
            return testBed;
        }
        catch
        {
            await testBed.DisposeAsync();
            throw;
        }
    }

    public FaultTarget FaultTargetOf(Target target) => faultTargets[target];

    /// <summary>For clients that must survive outages: they may wait for a paused server.</summary>
    public NpgsqlDataSource OpenPostgres() => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString)
    {
        ApplicationName = "chaos",
        CommandTimeout = 15,
        Timeout = 15,
    }.ConnectionString);

    public Task<ConnectionMultiplexer> OpenRedisAsync() => ConnectionMultiplexer.ConnectAsync($"{RedisAddress},allowAdmin=true,connectTimeout=5000");

    /// <summary>Keeps the logs after the run.</summary>
    public void KeepLogs() => keepLogs = true;

    public async ValueTask DisposeAsync()
    {
        foreach (var service in Services.Reverse())
        {
            await service.DisposeAsync();
        }

        await redis.DisposeAsync();
        await postgres.DisposeAsync();
        Directory.Delete(keepLogs ? Path.Combine(folder, "postgres") : folder, recursive: true);
    }

    private Dictionary<string, string> Settings() => new()
    {
        ["DB_HOST"] = "127.0.0.1",
        ["DB_PORT"] = postgres.Port.ToString(CultureInfo.InvariantCulture),
        ["DB_NAME"] = PrivatePostgres.Database,
        ["DB_USER"] = PrivatePostgres.User,
        ["DB_PASSWORD"] = postgres.Password,
        ["DB_PASSWORD_FILE"] = string.Empty,
        ["REDIS_HOST"] = "127.0.0.1",
        ["REDIS_PORT"] = redis.Port.ToString(CultureInfo.InvariantCulture),
        ["REDIS_PASSWORD"] = string.Empty,
        ["REDIS_PASSWORD_FILE"] = string.Empty,
        ["KAFKA_BOOTSTRAP"] = Kafka.Bootstrap,

        // Copies that outlive the run: one that should have been dropped is still there when all is compared.
        ["NEAR_CACHE_TTL_SECONDS"] = "3600",
        ["KAFKA_GROUP"] = $"chaos-{Guid.NewGuid():N}",
    };
}
