using ProductCache.Contracts;
using ProductCache.Standalone;

namespace ProductCache.TestSupport.Servers;

// Servers of this machine, started by the tests.

internal sealed class MachinePostgres : PostgresServer
{
    private readonly string folder;
    private readonly PrivatePostgres server;

    private MachinePostgres(string folder, PrivatePostgres server)
        : base("PostgreSQL of this machine")
    {
        this.folder = folder;
        this.server = server;
    }

    public override string ConnectionString => server.AdministratorConnectionString;

    public static async Task<MachinePostgres> LaunchAsync()
    {
        var folder = Directory.CreateTempSubdirectory("product-cache-test-").FullName;

        // The server may run as another user, who must be able to pass through.
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        return new MachinePostgres(folder, await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), FreePort(), Settings));
    }

    public override Task StartAsync() => server.StartAsync();

    public override Task StopAsync() => server.StopAsync();

    public override async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}

internal sealed class MachineRedis : RedisServer
{
    private readonly PrivateRedis server;

    private MachineRedis(PrivateRedis server)
        : base("redis-server of this machine") => this.server = server;

    public override int Port => server.Port;

    public static async Task<MachineRedis> LaunchAsync() => new(await PrivateRedis.StartAsync(FreePort()));

    public override Task StartAsync() => server.StartAsync();

    public override Task StopAsync() => server.StopAsync();
}

public sealed class MockKafka : KafkaServer
{
    private readonly EmbeddedKafka cluster = new(Topics.All);

    public MockKafka()
        : base("Kafka embedded in the tests (librdkafka's mock cluster)")
    {
    }

    public override string Bootstrap => cluster.Bootstrap;

    public override bool CanStop => false;

    public override bool IsMock => true;

    public override IReadOnlyDictionary<string, string> ClientSettings => EmbeddedKafka.ClientSettings;

    public override Task StartAsync() => throw new NotSupportedException();

    public override Task StopAsync() => throw new NotSupportedException();

    public override ValueTask DisposeAsync()
    {
        cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}
