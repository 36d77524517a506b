using System.Globalization;

namespace ProductCache.Standalone;

/// <summary>
/// Restarts a private server that ends unexpectedly, for example by the out-of-memory killer. A line reports each restart. A server that
/// keeps ending is given up.
/// </summary>
public sealed class Restarts : IAsyncDisposable
{
    /// <summary>The maximum number of consecutive failures: ends and failed starts.</summary>
    public const int MaxFailures = 6;

    /// <summary>The delay before the first restart. Each consecutive one waits twice as long.</summary>
    public static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);

    public static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(8);

    /// <summary>The uptime after which failures are counted from zero again.</summary>
    public static readonly TimeSpan SoundAfter = TimeSpan.FromMinutes(1);

    private readonly string name;
    private readonly IPrivateServer server;
    private readonly TimeProvider time;
    private readonly Action<string> tell;
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task running;

    /// <param name="server">The running server.</param>
    /// <param name="tell">Prints a line.</param>
    public Restarts(string name, IPrivateServer server, TimeProvider time, Action<string> tell)
    {
        (this.name, this.server, this.time, this.tell) = (name, server, time, tell);
        running = RunAsync(stopping.Token);
    }

    /// <summary>Fails with a <see cref="StandaloneException"/> when the server is given up.</summary>
    public Task GivenUp => givenUp.Task;

    /// <summary>Ends the supervision; the server may end afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!stopping.IsCancellationRequested)
        {
            await stopping.CancelAsync();
            await running;
            stopping.Dispose();
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var failures = 0;
            while (true)
            {
                var started = time.GetTimestamp();
                var code = await server.EndedAsync().WaitAsync(cancellationToken);
                failures = time.GetElapsedTime(started) < SoundAfter ? failures : 0;
                var ended = string.Create(CultureInfo.InvariantCulture, $"{name} has ended (exit code {code}).");
                failures = await StartAsync(ended, failures, cancellationToken);
            }
        }
        catch (StandaloneException exception)
        {
            givenUp.TrySetException(exception);
        }
        catch (OperationCanceledException)
        {
            // This process stops its servers.
        }
    }

    /// <returns>The number of consecutive failures until the server answered.</returns>
    private async Task<int> StartAsync(string reason, int failures, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (++failures > MaxFailures)
            {
                throw new StandaloneException($"{reason} It has failed {MaxFailures} times in a row and is not started again.");
            }

            tell($"{reason} Starting it again.");
            await Task.Delay(DelayBefore(failures), time, cancellationToken);
            try
            {
                await server.StopAsync();
                await server.StartAsync().WaitAsync(cancellationToken);
                tell($"{name} is running again.");
                return failures;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                reason = exception.Message;
            }
        }
    }

    private static TimeSpan DelayBefore(int failure)
    {
        var delay = FirstDelay * Math.Pow(2, failure - 1);
        return delay < MaxDelay ? delay : MaxDelay;
    }
}
