using System.Net.Http.Headers;

namespace ProductCache.Chaos.Mapped;

/// <summary>Clients of the service, each with one connection to one Api.</summary>
internal sealed class ShopReaders(IReadOnlyList<Service> apis, ShopTables tables, Catalogue catalogue, RunClock clock, int seed)
{
    private const int PerApi = 4;
    private const int MinPauseMilliseconds = 5;
    private const int MaxPauseMilliseconds = 25;
    private const int WaitOneIn = 5;
    private const int ConditionalOneIn = 10;
    private const int FreshOneIn = 10;
    private const int AtLeastOneIn = 10;

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    /// <summary>The interval of retries of a client whose Api is down.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(50);

    private readonly List<ShopRead>[] reads = [.. Enumerable.Range(0, PerApi * apis.Count).Select(_ => new List<ShopRead>())];

    /// <summary>Complete when the clients have stopped.</summary>
    public IEnumerable<ShopRead> Reads => reads.SelectMany(each => each);

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, reads.Length).Select(client => ReadAsync(client, cancellationToken)));

    /// <summary>Reads all products that a reader may have requested from every Api, with new clients.</summary>
    public async Task<IReadOnlyList<ShopRead>> ReadAllAsync(CancellationToken cancellationToken)
    {
        var all = apis.Select((_, api) => catalogue.Ids.Chunk(500).Select(async ids =>
        {
            using var http = new ReadClient(0, api + 1, apis[api], clock);
            var client = new ShopClient(http, tables);
            List<ShopRead> answers = [];
            foreach (var id in ids)
            {
                cancellationToken.ThrowIfCancellationRequested();
                answers.Add(await client.ReadAsync(id, new Demand()));
            }

            return answers;
        }));
        return [.. (await Task.WhenAll(all.SelectMany(each => each))).SelectMany(answers => answers)];
    }

    private async Task ReadAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(seed, -1 - number));
        var api = number % apis.Count;
        using var http = new ReadClient(number, api + 1, apis[api], clock);
        var client = new ShopClient(http, tables);
        while (!cancellationToken.IsCancellationRequested)
        {
            var read = await client.ReadAsync(catalogue.IdToRead(random), new Demand(
                random.Next(WaitOneIn) == 0 ? Wait : TimeSpan.Zero,
                Conditional: random.Next(ConditionalOneIn) == 0,
                Fresh: random.Next(FreshOneIn) == 0,
                AtLeast: random.Next(AtLeastOneIn) == 0));
            reads[number].Add(read);
            var pause = read.Answer.Failure == ReadFailure.None
                ? TimeSpan.FromMilliseconds(random.Next(MinPauseMilliseconds, MaxPauseMilliseconds))
                : FailurePause;
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

/// <param name="Wait">The wait of the Prefer header; 0: no header.</param>
/// <param name="Conditional">With the entity tag of the last answer in If-None-Match.</param>
/// <param name="Fresh">With Cache-Control: no-cache.</param>
/// <param name="AtLeast">With the version of the last answer in Product-Version-At-Least.</param>
internal readonly record struct Demand(TimeSpan Wait = default, bool Conditional = false, bool Fresh = false, bool AtLeast = false);

/// <summary>A client that remembers the last document of each product.</summary>
internal sealed class ShopClient(ReadClient http, ShopTables tables)
{
    private readonly Dictionary<long, (string Tag, Document? Document)> known = [];

    public async Task<ShopRead> ReadAsync(long id, Demand demand)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, id % 2 == 0 ? $"/productapp/{tables.IdOf(id)}/" : $"/api/v1/products/{tables.IdOf(id)}");
        if (known.TryGetValue(id, out var last))
        {
            if (demand.Conditional)
            {
                request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue(last.Tag));
            }

            if (demand.AtLeast && VersionOf(last.Tag) is not "0" and var version)
            {
                request.Headers.Add("Product-Version-At-Least", version);
            }
        }

        var asked = DateTime.UtcNow;
        var answer = await http.SendAsync(request, id, demand.Wait, demand.Fresh);
        var answered = DateTime.UtcNow;
        Document? document = null;
        if (answer.Read is { Failure: ReadFailure.None, Status: 200 })
        {
            document = Documents.Read(answer.Body);
            known[id] = (answer.Tag, document);
        }
        else if (answer.Read is { Failure: ReadFailure.None, Status: 304 } && answer.Tag == last.Tag)
        {
            document = last.Document;
        }

        return new ShopRead(answer.Read, asked, answered, document);
    }

    private static string VersionOf(string tag) => tag.Trim('"').Split('-')[0];
}
