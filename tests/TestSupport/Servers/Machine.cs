using Confluent.Kafka;
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

/// <summary>A broker from a Kafka distribution: KAFKA_HOME, in KRaft mode.</summary>
internal sealed class MachineKafka : KafkaServer
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    private readonly string home;
    private readonly string folder = Directory.CreateTempSubdirectory("product-cache-kafka-").FullName;
    private readonly int port = FreePort();
    private ChildProcess? broker;

    private MachineKafka(string home)
        : base($"Kafka of {home}") => this.home = home;

    public override string Bootstrap => $"127.0.0.1:{port}";

    private string ConfigFile => Path.Combine(folder, "server.properties");

    public static async Task<MachineKafka> LaunchAsync(string home)
    {
        var kafka = new MachineKafka(home);
        await kafka.FormatAsync();
        await kafka.StartAsync();
        return kafka;
    }

    public override async Task StartAsync()
    {
        broker = ChildProcess.Start(
            null, ChildProcess.SIGTERM, StopTimeout, "env", "KAFKA_HEAP_OPTS=-Xmx384m", $"LOG_DIR={folder}",
            Path.Combine(home, "bin", "kafka-server-start.sh"), ConfigFile);
        using var client = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap })
            .SetLogHandler((_, _) => { })
            .Build();
        await Retry.UntilAsync(
            () => Task.Run(() => client.GetMetadata(TimeSpan.FromSeconds(2))), failure => failure is KafkaException, StartTimeout, "Kafka");
    }

    public override async Task StopAsync()
    {
        if (broker is not null)
        {
            await broker.DisposeAsync();
            broker = null;
        }
    }

    public override Task KillAsync()
    {
        broker?.Signal(ChildProcess.SIGKILL);
        return StopAsync();
    }

    public override Task PauseAsync()
    {
        broker?.Signal(ChildProcess.SIGSTOP);
        return Task.CompletedTask;
    }

    public override Task ResumeAsync()
    {
        broker?.Signal(ChildProcess.SIGCONT);
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task FormatAsync()
    {
        var controller = FreePort();
        await File.WriteAllTextAsync(
            ConfigFile,
            $"""
             process.roles=broker,controller
             node.id=1
             controller.quorum.voters=1@127.0.0.1:{controller}
             controller.listener.names=CONTROLLER
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
             log.dirs={folder}/data
             auto.create.topics.enable=false
             offsets.topic.replication.factor=1
             offsets.topic.num.partitions=8
             transaction.state.log.replication.factor=1
             transaction.state.log.min.isr=1
             group.initial.rebalance.delay.ms=0
             """);
        await ChildProcess.RunAsync(
            null,
            Path.Combine(home, "bin", "kafka-storage.sh"),
            ["format", "-t", "bXktdGVzdC1jbHVzdGVyLQ", "-c", ConfigFile],
            StartTimeout);
    }
}

internal sealed class MockKafka : KafkaServer
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
