namespace ProductCache.Chaos;

/// <summary>Clients of the service, each with one connection to one Api.</summary>
/// <typeparam name="TRead">What is kept of an answer.</typeparam>
internal sealed class Clients<TRead>(IReadOnlyList<Service> apis, Catalogue catalogue, RunClock clock, int seed)
{
    private const int PerApi = 4;
    private const int MinPauseMilliseconds = 5;
    private const int MaxPauseMilliseconds = 25;
    private const int IdsOfOne = 500;

    /// <summary>The interval of retries of a client whose Api is down.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(50);

    private readonly List<TRead>[] reads = [.. Enumerable.Range(0, PerApi * apis.Count).Select(_ => new List<TRead>())];

    /// <summary>Complete when the clients have stopped.</summary>
    public IEnumerable<TRead> Reads => reads.SelectMany(each => each);

    /// <summary>Reads products as readers do, until it is cancelled.</summary>
    /// <param name="connect">Makes what one client reads with.</param>
    public Task RunAsync(Func<ReadClient, Func<long, Random, Task<(TRead Read, ReadFailure Failure)>>> connect, CancellationToken cancellationToken) =>
        Task.WhenAll(Enumerable.Range(0, reads.Length).Select(client => RunAsync(client, connect, cancellationToken)));

    /// <summary>Reads all products that a reader may have requested from every Api, with new clients.</summary>
    /// <param name="connect">Makes what one client reads with.</param>
    public async Task<IReadOnlyList<TRead>> ReadAllAsync(Func<ReadClient, Func<long, Task<TRead>>> connect, CancellationToken cancellationToken)
    {
        var all = apis.Select((_, api) => catalogue.Ids.Chunk(IdsOfOne).Select(async ids =>
        {
            using var client = new ReadClient(0, api + 1, apis[api], clock);
            var readAsync = connect(client);
            List<TRead> answers = [];
            foreach (var id in ids)
            {
                cancellationToken.ThrowIfCancellationRequested();
                answers.Add(await readAsync(id));
            }

            return answers;
        }));
        return [.. (await Task.WhenAll(all.SelectMany(each => each))).SelectMany(answers => answers)];
    }

    private async Task RunAsync(int number, Func<ReadClient, Func<long, Random, Task<(TRead Read, ReadFailure Failure)>>> connect, CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(seed, -1 - number));
        var api = number % apis.Count;
        using var client = new ReadClient(number, api + 1, apis[api], clock);
        var readAsync = connect(client);
        while (!cancellationToken.IsCancellationRequested)
        {
            var (read, failure) = await readAsync(catalogue.IdToRead(random), random);
            reads[number].Add(read);
            var pause = failure == ReadFailure.None
                ? TimeSpan.FromMilliseconds(random.Next(MinPauseMilliseconds, MaxPauseMilliseconds))
                : FailurePause;
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
