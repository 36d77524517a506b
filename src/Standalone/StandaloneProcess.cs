using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Api;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Worker;

namespace ProductCache.Standalone;

/// <summary>Api and Worker in this process, with private servers.</summary>
internal sealed class StandaloneProcess : IAsyncDisposable
{
    /// <summary>The consumer group for the embedded Kafka.</summary>
    private const string Group = "product-cache-worker";

    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource stopRequested = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Everything that was started, in order; it is stopped in the reverse order.
    private readonly Stack<IAsyncDisposable> started = new();

    private readonly List<Restarts> restarts = [];

    public static async Task<int> RunAsync()
    {
        await using var standalone = new StandaloneProcess();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, standalone.RequestStop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, standalone.RequestStop);
        try
        {
            // A start must be complete before it can be stopped.
            await standalone.StartAsync();
            await await Task.WhenAny([standalone.stopRequested.Task, .. standalone.restarts.Select(server => server.GivenUp)]);

            Console.WriteLine("Stopping.");
            return 0;
        }
        catch (StandaloneException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (started.TryPop(out var last))
        {
            await last.DisposeAsync();
        }
    }

    private async Task StartHostAsync(WebApplication host)
    {
        Push(new Host(host));
        try
        {
            await host.StartAsync();
        }
        catch (IOException exception) when (exception.InnerException is AddressInUseException)
        {
            // A connection of another process can occupy the port too, which appears only when the server binds it.
            throw new SettingsException(exception.Message);
        }

        var health = host.Services.GetRequiredService<HealthCheckService>();
        await Retry.UntilAsync(
            async () =>
            {
                var report = await health.CheckHealthAsync();
                if (report.Status != HealthStatus.Healthy)
                {
                    throw new TimeoutException(string.Join("; ", report.Entries.Select(entry => $"{entry.Key}: {entry.Value.Description}")));
                }
            },
            exception => exception is TimeoutException,
            ReadyTimeout,
            "The service");
    }

    private static string[] Arguments(params IEnumerable<KeyValuePair<string, string>> settings) =>
        [.. settings.Select(setting => $"--{setting.Key}={setting.Value}")];

    private async Task StartAsync()
    {
        var ports = new Ports();
        var (api, worker) = TakePorts(ports);
        var dashboard = Dashboard.Choose(ports);
        var ignored = new IgnoredSettings();
        ignored.Report(Console.Out);
        var folder = Push(new Disposing(DataFolder.Open())).Of<DataFolder>();
        var startingDashboard = dashboard is null ? Task.FromResult<string?>(null) : Push(dashboard).StartAsync();
        var startingRedis = PrivateRedis.StartWithPasswordAsync(Path.Combine(folder.Path, "redis"), ports.Take(6379));
        var postgres = ignored.HasMapping ? null : Push(await PrivatePostgres.StartAsync(Path.Combine(folder.Path, "postgres"), ports.Take(5433)));
        var redis = Push(await startingRedis);
        folder.WriteConnection(postgres, redis);
        if (postgres is not null)
        {
            restarts.Add(Push(new Restarts("PostgreSQL", postgres, TimeProvider.System, Console.WriteLine)));
        }

        restarts.Add(Push(new Restarts("Redis", redis, TimeProvider.System, Console.WriteLine)));

        Dictionary<string, string> settings = new(ignored.AsEmpty())
        {
            ["REDIS_HOST"] = "127.0.0.1",
            ["REDIS_PORT"] = Text(redis.Port),
            ["REDIS_PASSWORD"] = redis.Password!,
            ["API_PORT"] = Text(api),
            ["WORKER_PORT"] = Text(worker),
            ["LISTEN_ON"] = Environment.GetEnvironmentVariable("LISTEN_ON") is { Length: > 0 } named ? named : Listeners.Localhost,
            ["Logging:LogLevel:Default"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Warning",

            // Its own lines are text, also where it runs in a container for development.
            [LogFormat.Setting] = Environment.GetEnvironmentVariable(LogFormat.Setting) is { Length: > 0 } format ? format : LogFormat.Text,
        };
        foreach (var (key, value) in (postgres?.Settings ?? []).Concat(dashboard?.Settings ?? []))
        {
            settings[key] = value;
        }

        var realKafka = Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP") is { } bootstrap && !string.IsNullOrWhiteSpace(bootstrap) ? bootstrap : null;
        Action<IServiceCollection> configureWorker = WithoutSignals;
        if (realKafka is null)
        {
            settings["KAFKA_GROUP"] = Group;
            configureWorker += services => WithPace(services, settings["KAFKA_BOOTSTRAP"]);
            settings["KAFKA_BOOTSTRAP"] = Push(new Disposing(new EmbeddedKafka(Topics.All))).Of<EmbeddedKafka>().Bootstrap;
            foreach (var (key, value) in EmbeddedKafka.ClientSettings)
            {
                settings[key] = value;
            }
        }

        folder.AddConnection(realKafka is null ? settings : settings.Append(new("KAFKA_BOOTSTRAP", realKafka)));

        var localKey = new LocalKey(folder);
        localKey.AddTo(settings);
        var arguments = Arguments(settings);

        // MANAGEMENT_PORT is one of the Api: the Worker has its own.
        await StartHostAsync(WorkerHost.Build([.. arguments, "--MANAGEMENT_PORT=", "--MANAGEMENT_ADDRESS="], configureWorker));
        var added = postgres is null ? 0 : await SampleProducts.AddAsync(postgres.ConnectionString, CancellationToken.None);
        await StartHostAsync(ApiHost.Build(arguments, WithoutSignals));
        var kafka = realKafka ?? $"{settings["KAFKA_BOOTSTRAP"]} (embedded, in memory)";
        var withoutDashboard = await startingDashboard;
        Console.WriteLine(Banner(api, worker, postgres, redis, kafka, added, folder.Path, localKey.Keep(), withoutDashboard is null ? dashboard?.Page : null));
        if (withoutDashboard is not null)
        {
            Console.WriteLine(withoutDashboard);
        }
    }

    private static string Banner(int api, int worker, PrivatePostgres? postgres, PrivateRedis redis, string kafka, int added, string folder, string key, string? dashboard) => string.Create(
        CultureInfo.InvariantCulture,
        $"""

        ProductCache is running.
          API         http://localhost:{api}/productapp/{(postgres is null ? "{id}" : "1")}/ and /docs/
          Worker      http://localhost:{worker}/health/ready and /metrics
          PostgreSQL  {(postgres is null ? "yours, with the tables of the mapping" : $"127.0.0.1:{postgres.Port} (./run psql), data in {folder}")}{(added > 0 ? $", {added} sample products added" : string.Empty)}
          Redis       127.0.0.1:{redis.Port} (./run redis-cli)
          Kafka       {kafka}{(dashboard is null ? string.Empty : $"{Environment.NewLine}  Dashboard   {dashboard} (traces, metrics, log lines)")}

        Try it twice: the first request misses and waits for the fill, the second is answered from the cache.
          curl -i http://localhost:{api}/productapp/{(postgres is null ? "ID" : "1")}/
          curl -i http://localhost:{api}/productapp/{(postgres is null ? "ID" : "1")}/

        {key}

        Ctrl-C stops everything.
        """);

    /// <exception cref="SettingsException">A configured port is taken or invalid.</exception>
    private static (int Api, int Worker) TakePorts(Ports ports)
    {
        // Configured ports first, so that no other port is chosen before them.
        var settings = ServiceHost.ReadSettings([]);
        var (api, worker) = (ports.TakeNamed(settings, "API_PORT"), ports.TakeNamed(settings, "WORKER_PORT"));
        settings.ThrowIfWrong();
        return (api ?? ports.Take(8000), worker ?? ports.Take(8001));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // This process handles Ctrl-C and stops the hosts in their order.
    private static void WithoutSignals(IServiceCollection services) =>
        services.Replace(ServiceDescriptor.Singleton<IHostLifetime, NoSignals>());

    private static void WithPace(IServiceCollection services, string bootstrap)
    {
        var publisher = services.Single(service => service.ServiceType == typeof(IChangePublisher)).ImplementationType!;
        services.Replace(ServiceDescriptor.Singleton<IChangePublisher>(provider => new PacedChanges(
            (IChangePublisher)ActivatorUtilities.CreateInstance(provider, publisher), bootstrap, Group, provider.GetRequiredService<TimeProvider>())));
    }

    private void RequestStop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stopRequested.TrySetResult();
    }

    private T Push<T>(T resource)
        where T : IAsyncDisposable
    {
        started.Push(resource);
        return resource;
    }

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Host(WebApplication host) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await host.StopAsync();
            await host.DisposeAsync();
        }
    }

    private sealed class Disposing(IDisposable resource) : IAsyncDisposable
    {
        public T Of<T>() => (T)resource;

        public ValueTask DisposeAsync()
        {
            resource.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
