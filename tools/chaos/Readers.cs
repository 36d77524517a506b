using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace ProductCache.Chaos;

/// <summary>Clients of the service, each with one connection to one Api.</summary>
internal sealed class Readers(IReadOnlyList<Service> apis, Catalogue catalogue, RunClock clock, int seed)
{
    private const int PerApi = 4;
    private const int MinPauseMilliseconds = 5;
    private const int MaxPauseMilliseconds = 25;
    private const int WaitOneIn = 5;
    private const int ConditionalOneIn = 10;
    private const int FreshOneIn = 10;

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    /// <summary>The interval of retries of a client whose Api is down.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(50);

    /// <summary>The number of clients; they are numbered from 0.</summary>
    public const int MaxClients = 100;

    private readonly List<Read>[] reads = [.. Enumerable.Range(0, PerApi * apis.Count).Select(_ => new List<Read>())];

    /// <summary>Complete when the clients have stopped.</summary>
    public IEnumerable<Read> Reads => reads.SelectMany(each => each);

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, reads.Length).Select(client => ReadAsync(client, cancellationToken)));

    /// <summary>Reads all ids that a reader may have requested from every Api, with new clients.</summary>
    public async Task<IReadOnlyList<Read>> ReadAllAsync(CancellationToken cancellationToken)
    {
        var all = apis.Select((_, api) => catalogue.Ids.Chunk(500).Select(async ids =>
        {
            using var client = new ReadClient(0, api + 1, apis[api], clock);
            List<Read> answers = [];
            foreach (var id in ids)
            {
                cancellationToken.ThrowIfCancellationRequested();
                answers.Add(await client.ReadAsync(id, TimeSpan.Zero, 0));
            }

            return answers;
        }));
        return [.. (await Task.WhenAll(all.SelectMany(each => each))).SelectMany(answers => answers)];
    }

    private async Task ReadAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(seed, -1 - number));
        var api = number % apis.Count;
        using var client = new ReadClient(number, api + 1, apis[api], clock);
        Dictionary<long, long> versions = [];
        while (!cancellationToken.IsCancellationRequested)
        {
            var id = catalogue.IdToRead(random);
            var wait = random.Next(WaitOneIn) == 0 ? Wait : TimeSpan.Zero;
            var version = random.Next(ConditionalOneIn) == 0 ? versions.GetValueOrDefault(id) : 0;
            var read = await client.ReadAsync(id, wait, version, fresh: random.Next(FreshOneIn) == 0);
            reads[number].Add(read);
            if (read.IsFound)
            {
                versions[id] = read.Version;
            }

            var pause = read.Failure == ReadFailure.None
                ? TimeSpan.FromMilliseconds(random.Next(MinPauseMilliseconds, MaxPauseMilliseconds))
                : FailurePause;
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

/// <param name="Read">Without the number of a write.</param>
/// <param name="Tag">The entity tag with its quotes; empty: there was none.</param>
internal readonly record struct Answer(Read Read, string Tag, byte[] Body);

internal sealed class ReadClient(int number, int api, Service service, RunClock clock) : IDisposable
{
    /// <summary>Longer than the time limit of a read plus the longest pause of a process.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 1, ConnectTimeout = Patience })
    {
        BaseAddress = new Uri($"http://127.0.0.1:{service.Port}"),
        Timeout = Patience,
    };

    /// <param name="wait">The wait of the Prefer header; 0: no header.</param>
    /// <param name="knownVersion">The version in If-None-Match; 0: no header.</param>
    /// <param name="fresh">Whether to send Cache-Control: no-cache.</param>
    public async Task<Read> ReadAsync(long id, TimeSpan wait, long knownVersion, bool fresh = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, id % 2 == 0 ? $"/productapp/{id}/" : $"/api/v1/products/{id}");
        if (knownVersion != 0)
        {
            request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue($"\"{knownVersion}\""));
        }

        var answer = await SendAsync(request, id, wait, fresh);
        return answer.Read.Status == (int)HttpStatusCode.OK && answer.Read.Failure == ReadFailure.None
            ? answer.Read with { Number = ProductText.NumberIn(answer.Body, id) }
            : answer.Read;
    }

    /// <summary>Sends a request for this product, with headers for what is wanted, and tells the answer without its content.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    public async Task<Answer> SendAsync(HttpRequestMessage request, long id, TimeSpan wait, bool fresh)
    {
        if (wait > TimeSpan.Zero)
        {
            request.Headers.Add("Prefer", string.Create(CultureInfo.InvariantCulture, $"wait={(int)wait.TotalSeconds}"));
        }

        if (fresh)
        {
            request.Headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        }

        var (instance, start) = (service.Instance, clock.Now);
        var (status, tag, source, hasRetryAfter, failure) = (0, string.Empty, Source.None, false, ReadFailure.None);
        byte[] body = [];
        try
        {
            using var answer = await http.SendAsync(request);
            status = (int)answer.StatusCode;
            tag = answer.Headers.ETag?.Tag ?? string.Empty;
            source = SourceOf(answer.Headers);
            hasRetryAfter = answer.Headers.RetryAfter is not null;
            body = await answer.Content.ReadAsByteArrayAsync();
        }
        catch (HttpRequestException)
        {
            failure = ReadFailure.Connection;
        }
        catch (TaskCanceledException)
        {
            failure = ReadFailure.NoAnswer;
        }

        var read = new Read(
            number, api, service.Instance == instance ? instance : 0, id, start, clock.Now, wait, status, VersionOf(tag), 0, source, hasRetryAfter, failure, fresh);
        return new Answer(read, tag, body);
    }

    public void Dispose() => http.Dispose();

    // Of a mapping, a digest follows the version.
    private static long VersionOf(string tag) =>
        long.TryParse(tag.Trim('"').Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0;

    private static Source SourceOf(HttpResponseHeaders headers)
    {
        var text = headers.TryGetValues("Cache-Status", out var values) ? string.Join(',', values) : string.Empty;
        return text.Contains("detail=near", StringComparison.Ordinal) ? Source.Near
            : text.Contains("detail=redis", StringComparison.Ordinal) ? Source.Redis
            : text.Contains("stored", StringComparison.Ordinal) ? Source.Filled
            : Source.None;
    }
}
