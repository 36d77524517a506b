namespace ProductCache.TestSupport.Servers;

/// <summary>
/// The one place that decides which servers tests use, each by itself:
/// 1. one that is named: TEST_POSTGRES (a connection string), TEST_REDIS and TEST_KAFKA (host:port);
/// 2. a container, where an engine answers and has the images;
/// 3. the machine's PostgreSQL and redis-server; for Kafka a broker of the distribution in KAFKA_HOME, else librdkafka's mock cluster.
/// TEST_SERVERS=machine leaves out 2, TEST_SERVERS=mock also the real broker.
/// </summary>
public static class TestServers
{
    private static readonly Lazy<Task<bool>> Containers = new(FindContainersAsync);

    private static string? Mode => Variable("TEST_SERVERS");

    public static async Task<PostgresServer> StartPostgresAsync() => Announce<PostgresServer>(
        Variable("TEST_POSTGRES") is { } named ? new NamedPostgres(named)
        : await Containers.Value ? await ContainerPostgres.LaunchAsync()
        : await MachinePostgres.LaunchAsync());

    public static async Task<RedisServer> StartRedisAsync() => Announce<RedisServer>(
        Variable("TEST_REDIS") is { } named ? new NamedRedis(named)
        : await Containers.Value ? await ContainerRedis.LaunchAsync()
        : await MachineRedis.LaunchAsync());

    public static async Task<KafkaServer> StartKafkaAsync() => Announce<KafkaServer>(
        Variable("TEST_KAFKA") is { } named ? new NamedKafka(named)
        : await Containers.Value ? await ContainerKafka.LaunchAsync()
        : Mode == "mock" ? new MockKafka()
        : Variable("KAFKA_HOME") is { } home ? await ScriptedKafka.LaunchAsync(home, brokers: 1)
        : new MockKafka());

    /// <summary>Three brokers for the caller alone. Ends the test as skipped without a distribution of Kafka.</summary>
    public static async Task<ScriptedKafka> StartKafkaClusterAsync() => Announce(await ScriptedKafka.LaunchAsync(RequireHome(), brokers: 3));

    /// <summary>A broker for the caller alone, with TLS, logins and grants. Ends the test as skipped without a distribution of Kafka.</summary>
    public static async Task<SecureKafka> StartSecureKafkaAsync() => Announce(await SecureKafka.LaunchAsync(RequireHome()));

    private static async Task<bool> FindContainersAsync()
    {
        if (Mode is not null || !await Engine.HasImagesAsync(Images.Postgres, Images.Redis, Images.Kafka))
        {
            return false;
        }

        await Engine.PrepareAsync();
        return true;
    }

    // Test hosts swallow their standard output; what the adapter takes for a warning reaches the console.
    private static T Announce<T>(T server)
        where T : TestServer
    {
        TestContext.Error.WriteLine($"Test server: {server.Description}");
        return server;
    }

    private static string RequireHome()
    {
        if (Mode == "mock" || Variable("KAFKA_HOME") is not { } home)
        {
            Assert.Ignore("This test needs three Kafka brokers or a secured one: set KAFKA_HOME to an unpacked Apache Kafka 4.1.1 and install Java 17.");
            throw new InvalidOperationException();
        }

        return home;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
