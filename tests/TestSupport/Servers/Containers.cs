using DotNet.Testcontainers.Containers;
using Testcontainers.Kafka;
using Testcontainers.PostgreSql;
using Testcontainers.Redis;

namespace ProductCache.TestSupport.Servers;

// Servers in containers. Their host ports are fixed, so that a server that was stopped comes back where it was.

public static class Images
{
    public const string Postgres = "postgres:17";
    public const string Redis = "redis:8";
    public const string Kafka = "apache/kafka:4.1.1";
}

internal sealed class ContainerPostgres : PostgresServer
{
    private readonly PostgreSqlContainer container;

    private ContainerPostgres(PostgreSqlContainer container)
        : base($"{Images.Postgres} in a container") => this.container = container;

    public override string ConnectionString => container.GetConnectionString();

    public static async Task<ContainerPostgres> LaunchAsync()
    {
        var container = new PostgreSqlBuilder(Images.Postgres)
            .WithPortBinding(FreePort(), PostgreSqlBuilder.PostgreSqlPort)
            .WithCommand([.. Settings.SelectMany(setting => new[] { "-c", setting })])
            .Build();
        await container.StartAsync();
        return new ContainerPostgres(container);
    }

    public override Task StartAsync() => container.StartAsync();

    public override Task StopAsync() => container.StopAsync();

    public override ValueTask DisposeAsync() => container.DisposeAsync();
}

internal sealed class ContainerRedis : RedisServer
{
    private readonly RedisContainer container;

    private ContainerRedis(RedisContainer container)
        : base($"{Images.Redis} in a container") => this.container = container;

    public override int Port => container.GetMappedPublicPort(RedisBuilder.RedisPort);

    public static async Task<ContainerRedis> LaunchAsync()
    {
        var container = new RedisBuilder(Images.Redis)
            .WithPortBinding(FreePort(), RedisBuilder.RedisPort)
            .WithCommand("redis-server", "--save", string.Empty, "--appendonly", "no")
            .Build();
        await container.StartAsync();
        return new ContainerRedis(container);
    }

    public override Task StartAsync() => container.StartAsync();

    public override Task StopAsync() => container.StopAsync();

    public override ValueTask DisposeAsync() => container.DisposeAsync();
}

internal sealed class ContainerKafka : KafkaServer
{
    private readonly KafkaContainer container;

    private ContainerKafka(KafkaContainer container)
        : base($"{Images.Kafka} in a container") => this.container = container;

    public override string Bootstrap => container.GetBootstrapAddress().Replace("PLAINTEXT://", string.Empty, StringComparison.OrdinalIgnoreCase).TrimEnd('/');

    public static async Task<ContainerKafka> LaunchAsync()
    {
        var container = new KafkaBuilder(Images.Kafka)
            .WithPortBinding(FreePort(), KafkaBuilder.KafkaPort)
            .WithEnvironment("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
            .WithEnvironment("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
            .Build();
        await container.StartAsync();
        return new ContainerKafka(container);
    }

    public override Task StartAsync() => container.StartAsync();

    public override Task StopAsync() => container.StopAsync();

    public override async Task KillAsync()
    {
        using var kill = System.Diagnostics.Process.Start("docker", ["kill", container.Id]);
        await kill.WaitForExitAsync();
    }

    public override Task PauseAsync() => container.PauseAsync();

    public override Task ResumeAsync() => container.UnpauseAsync();

    public override ValueTask DisposeAsync() => ((IContainer)container).DisposeAsync();
}

/// <summary>Whether a container engine answers and has the images, so that nothing has to be pulled.</summary>
public static class Engine
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    // What Testcontainers asks an engine for, if it is not told otherwise.
    private static readonly Version ApiVersion = new(1, 44);

    public static async Task<bool> HasImagesAsync(params string[] images) => await DockerAsync(["image", "inspect", .. images]) is not null;

    /// <summary>Settings of Testcontainers that fit the engine. Call it before the first container.</summary>
    public static async Task PrepareAsync()
    {
        // An engine that is older than Testcontainers expects refuses it, though all that the tests need is there.
        if (Version.TryParse((await DockerAsync(["version", "--format", "{{.Server.APIVersion}}"]))?.Trim(), out var version) && version < ApiVersion)
        {
            SetUnlessSet("DOCKER_API_VERSION", version.ToString());
        }

        // The tests pull nothing, so the container that removes others after a killed test run is used only where its image is there.
        if (string.IsNullOrWhiteSpace(await DockerAsync(["images", "--quiet", "testcontainers/ryuk"])))
        {
            SetUnlessSet("TESTCONTAINERS_RYUK_DISABLED", "true");
        }
    }

    private static void SetUnlessSet(string name, string value)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
        {
            Environment.SetEnvironmentVariable(name, value);
        }
    }

    /// <returns>What the command printed. Null: there is no docker, it does not answer, or it failed.</returns>
    private static async Task<string?> DockerAsync(string[] arguments)
    {
        try
        {
            var result = await Command.RunAsync(["docker", .. arguments], Timeout);
            return result.ExitCode == 0 ? result.Output : null;
        }
        catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or TimeoutException)
        {
            return null;
        }
    }
}
