using System.Diagnostics;
using System.Globalization;
using Npgsql;
using ProductCache.Standalone;
using ProductCache.TestSupport.Servers;

namespace ProductCache.Chaos;

/// <summary>The target of faults: a server, or a process of the service.</summary>
internal abstract class FaultTarget
{
    /// <summary>Sends SIGKILL, and returns when the process has ended.</summary>
    public abstract Task KillAsync();

    public abstract Task PauseAsync();

    /// <summary>Has no effect unless it is paused.</summary>
    public abstract Task ResumeAsync();

    /// <summary>Stops it in an orderly way.</summary>
    public abstract Task StopAsync();

    /// <summary>Restarts it, and returns when it answers.</summary>
    public abstract Task StartAsync();
}

/// <summary>An Api or a Worker process; its output goes to a file.</summary>
internal sealed class Service(Target target, string role, int port, string logFile, IReadOnlyList<string> arguments) : FaultTarget, IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(60);

    private volatile ChildProcess? process;
    private int instance;

    public Target Target => target;

    public int Port => port;

    /// <summary>The number of starts of this process.</summary>
    public int Instance => Volatile.Read(ref instance);

    /// <summary>It ended although it was not stopped.</summary>
    public bool HasDied => process is { HasExited: true };

    public override async Task KillAsync()
    {
        if (Interlocked.Exchange(ref process, null) is { } killed)
        {
            killed.Signal(ChildProcess.SIGKILL);
            await killed.DisposeAsync();
        }
    }

    public override Task PauseAsync()
    {
        process?.Signal(ChildProcess.SIGSTOP);
        return Task.CompletedTask;
    }

    public override Task ResumeAsync()
    {
        process?.Signal(ChildProcess.SIGCONT);
        return Task.CompletedTask;
    }

    public override async Task StopAsync()
    {
        if (Interlocked.Exchange(ref process, null) is { } running)
        {
            await running.DisposeAsync();
        }
    }

    public override async Task StartAsync()
    {
        Interlocked.Increment(ref instance);

        // Processes that live for seconds gain nothing from code that is measured first to be optimized later.
        // The shell gives the output to the file and leaves: this process has to pump nothing. Hosts watch the folder that
        // they start in for settings, so it must not be the root of the file system, where child processes start.
        process = ChildProcess.Start(
            null,
            ChildProcess.SIGTERM,
            StopTimeout,
            "sh",
            ["-c", """export DOTNET_TieredPGO=0 && cd "$0" && log="$1" && shift && exec "$@" >> "$log" 2>&1""", AppContext.BaseDirectory, logFile, "dotnet", typeof(Service).Assembly.Location, role, .. arguments]);
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await Retry.UntilAsync(
            async () =>
            {
                if (process is not { HasExited: false })
                {
                    throw new StandaloneException($"{target} ended at its start; see {logFile}.");
                }

                using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
                answer.EnsureSuccessStatusCode();
            },
            failure => failure is HttpRequestException or TaskCanceledException,
            ReadyTimeout,
            target.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        await ResumeAsync();
        await StopAsync();
    }
}

internal sealed class RedisFaultTarget(PrivateRedis redis) : FaultTarget
{
    public override Task KillAsync()
    {
        ProcessTree.Signal(redis.ProcessId, ChildProcess.SIGKILL);
        return redis.StopAsync();
    }

    public override Task PauseAsync() => Task.Run(() => ProcessTree.Signal(redis.ProcessId, ChildProcess.SIGSTOP));

    public override Task ResumeAsync() => Task.Run(() => ProcessTree.Signal(redis.ProcessId, ChildProcess.SIGCONT));

    public override Task StopAsync() => redis.StopAsync();

    public override Task StartAsync() => redis.StartAsync();
}

internal sealed class PostgresFaultTarget(PrivatePostgres postgres) : FaultTarget
{
    private static readonly TimeSpan RecoveryTimeout = TimeSpan.FromSeconds(60);

    public override Task KillAsync()
    {
        ProcessTree.Signal(postgres.ProcessId, ChildProcess.SIGKILL);
        return postgres.StopAsync();
    }

    public override Task PauseAsync() => Task.Run(() => ProcessTree.Signal(postgres.ProcessId, ChildProcess.SIGSTOP));

    public override Task ResumeAsync() => Task.Run(() => ProcessTree.Signal(postgres.ProcessId, ChildProcess.SIGCONT));

    public override Task StopAsync() => postgres.StopAsync();

    public override async Task StartAsync()
    {
        await postgres.StartAsync();

        // The start may have been told by a pooled connection to the server before; a new one answers after the recovery.
        var connectionString = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false }.ConnectionString;
        await Retry.UntilAsync(
            async () =>
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync();
            },
            failure => failure is NpgsqlException,
            RecoveryTimeout,
            "PostgreSQL");
    }
}

internal sealed class KafkaFaultTarget(KafkaServer kafka) : FaultTarget
{
    public override Task KillAsync() => kafka.KillAsync();

    public override Task PauseAsync() => kafka.PauseAsync();

    public override Task ResumeAsync() => kafka.ResumeAsync();

    public override Task StopAsync() => kafka.StopAsync();

    public override Task StartAsync() => kafka.StartAsync();
}

/// <summary>A process and its children: PostgreSQL has one for each connection, which outlive it.</summary>
internal static class ProcessTree
{
    public static void Signal(int root, int signal)
    {
        // A stopped parent starts no more children while they are being counted.
        if (signal == ChildProcess.SIGKILL)
        {
            Send([root], ChildProcess.SIGSTOP);
        }

        Send([root, .. DescendantsOf(root)], signal);
    }

    private static void Send(IEnumerable<int> processes, int signal)
    {
        using var kill = Process.Start(new ProcessStartInfo(
            "kill", [string.Create(CultureInfo.InvariantCulture, $"-{signal}"), .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))])
        {
            // Some may have ended meanwhile.
            RedirectStandardError = true,
        })!;
        kill.WaitForExit();
    }

    private static List<int> DescendantsOf(int root)
    {
        var childrenOf = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0)
            .ToLookup(ParentOf);
        List<int> found = [];
        Queue<int> parents = new([root]);
        while (parents.TryDequeue(out var parent))
        {
            foreach (var child in childrenOf[parent])
            {
                found.Add(child);
                parents.Enqueue(child);
            }
        }

        return found;
    }

    private static int ParentOf(int process)
    {
        try
        {
            // After the name in parentheses, which may hold anything: the state and the parent.
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
