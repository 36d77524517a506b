namespace ProductCache.TestSupport.Servers;

/// <summary>The servers of this test run, each started when the first test asks for it.</summary>
public static class SharedServers
{
    private static readonly Lazy<Task<PostgresServer>> LazyPostgres = new(TestServers.StartPostgresAsync);
    private static readonly Lazy<Task<RedisServer>> LazyRedis = new(TestServers.StartRedisAsync);
    private static readonly Lazy<Task<KafkaServer>> LazyKafka = new(TestServers.StartKafkaAsync);

    private static readonly Lazy<Task<KafkaServer>> LazyMockKafka = new(() => Task.FromResult<KafkaServer>(new MockKafka()));

    public static Task<PostgresServer> Postgres => LazyPostgres.Value;

    public static Task<RedisServer> Redis => LazyRedis.Value;

    public static Task<KafkaServer> Kafka => LazyKafka.Value;

    /// <summary>Librdkafka's mock cluster, whatever broker there is beside it.</summary>
    public static Task<KafkaServer> MockKafka => LazyMockKafka.Value;

    public static async Task StopAsync()
    {
        await DisposeAsync(LazyMockKafka);
        await DisposeAsync(LazyKafka);
        await DisposeAsync(LazyRedis);
        await DisposeAsync(LazyPostgres);
    }

    private static async Task DisposeAsync<T>(Lazy<Task<T>> server)
        where T : TestServer
    {
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully)
        {
            await (await server.Value).DisposeAsync();
        }
    }
}
