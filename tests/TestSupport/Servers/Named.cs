using Npgsql;

namespace ProductCache.TestSupport.Servers;

// External servers, named by environment variables.

internal sealed class NamedPostgres(string connectionString)
    : PostgresServer($"PostgreSQL of TEST_POSTGRES at {new NpgsqlConnectionStringBuilder(connectionString).Host}")
{
    public override string ConnectionString => connectionString;

    public override bool CanStop => false;

    public override Task StartAsync() => Task.CompletedTask;

    public override Task StopAsync() => Task.CompletedTask;
}

internal sealed class NamedRedis(string address) : RedisServer($"Redis of TEST_REDIS at {address}")
{
    public override string Host => address.Split(':')[0];

    public override int Port => int.Parse(address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);

    public override bool CanStop => false;

    public override Task StartAsync() => Task.CompletedTask;

    public override Task StopAsync() => Task.CompletedTask;
}

internal sealed class NamedKafka(string bootstrap) : KafkaServer($"Kafka of TEST_KAFKA at {bootstrap}")
{
    public override string Bootstrap => bootstrap;

    public override bool CanStop => false;

    public override Task StartAsync() => Task.CompletedTask;

    public override Task StopAsync() => Task.CompletedTask;
}
