using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Npgsql;
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

    public override string ConnectionString => new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "postgres" }.ConnectionString;

    public static async Task<MachinePostgres> LaunchAsync()
    {
        var folder = Directory.CreateTempSubdirectory("product-cache-test-").FullName;

        // The server may run as another user, who must be able to pass through.
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        return new MachinePostgres(folder, await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), FreePort()));
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

/// <summary>
/// A broker that a script beside the repository runs: kafka start | stop | destroy, kill | pause | resume 1, configured by
/// KAFKA_DIR and KAFKA_PORT.
/// </summary>
internal sealed class ScriptedKafka : KafkaServer
{
    private const string OnlyBroker = "1";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    private readonly string script;
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"product-cache-kafka-{Guid.NewGuid():N}");
    private readonly int port = FreePort();

    private ScriptedKafka(string script)
        : base($"Kafka of {script}") => this.script = script;

    public override string Bootstrap => $"127.0.0.1:{port}";

    public static async Task<ScriptedKafka> LaunchAsync(string script)
    {
        var kafka = new ScriptedKafka(script);
        await kafka.StartAsync();
        return kafka;
    }

    public override Task StartAsync() => RunAsync("start");

    public override Task StopAsync() => RunAsync("stop");

    public override async Task KillAsync()
    {
        var broker = await File.ReadAllTextAsync(Path.Combine(folder, OnlyBroker, "pid"));
        await RunAsync("kill", OnlyBroker);

        // Until then a start would take it for one that runs.
        await Retry.UntilAsync(
            () => Directory.Exists($"/proc/{broker.Trim()}") ? throw new TimeoutException("not yet") : Task.CompletedTask,
            failure => failure is TimeoutException,
            Timeout,
            "The end of Kafka");
    }

    public override Task PauseAsync() => RunAsync("pause", OnlyBroker);

    public override Task ResumeAsync() => RunAsync("resume", OnlyBroker);

    public override ValueTask DisposeAsync() => new(RunAsync("destroy"));

    private async Task RunAsync(string command, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(script, [command, .. arguments]) { RedirectStandardOutput = true };
        start.Environment["KAFKA_DIR"] = folder;
        start.Environment["KAFKA_PORT"] = port.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;

        // The broker inherits the pipe, so the end of the output is not the end of the command.
        await process.WaitForExitAsync().WaitAsync(Timeout);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} {command} failed with exit code {process.ExitCode}.");
        }
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

    public override IReadOnlyDictionary<string, string> ClientSettings => EmbeddedKafka.ClientSettings;

    public override Task StartAsync() => throw new NotSupportedException();

    public override Task StopAsync() => throw new NotSupportedException();

    public override ValueTask DisposeAsync()
    {
        cluster.Dispose();
        return ValueTask.CompletedTask;
    }
}
