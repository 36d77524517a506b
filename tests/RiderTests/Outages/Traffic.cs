using System.Globalization;
using Confluent.Kafka;

namespace ProductCache.RiderTests.Outages;

/// <summary>Orders that flow while something happens, each with an id and a key of its own.</summary>
internal sealed class Traffic : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly RiderApplication application;
    private readonly bool insists;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Task> produced = [];
    private readonly Task running;

    /// <param name="insists">Whether it tries again what no broker has acknowledged; else that is an error.</param>
    public Traffic(RiderApplication application, bool insists = false)
    {
        this.application = application;
        this.insists = insists;
        running = RunAsync();
    }

    /// <summary>Ends the flow; returns once all of it is acknowledged.</summary>
    public async Task<IReadOnlyList<string>> EndAsync()
    {
        await stopping.CancelAsync();
        await running;
        await Task.WhenAll(produced);
        return [.. Enumerable.Range(0, produced.Count).Select(IdOf)];
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
    }

    private static string IdOf(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        while (!stopping.IsCancellationRequested)
        {
            produced.Add(ProduceAsync(IdOf(produced.Count)));
            await timer.WaitForNextTickAsync();
        }
    }

    private async Task ProduceAsync(string id)
    {
        while (true)
        {
            try
            {
                await application.ProduceAsync(id);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?>) when (insists)
            {
                // Once more.
            }
        }
    }
}
