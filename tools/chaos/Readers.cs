using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace ProductCache.Chaos;

/// <summary>Clients that read products of the built-in table.</summary>
internal sealed class Readers(IReadOnlyList<Service> apis, Catalogue catalogue, RunClock clock, int seed)
{
    private const int WaitOneIn = 5;
    private const int ConditionalOneIn = 10;
    private const int FreshOneIn = 10;

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    /// <summary>The number of clients; they are numbered from 0.</summary>
    public const int MaxClients = 100;

    private readonly Clients<Read> clients = new(apis, catalogue, clock, seed);

    /// <inheritdoc cref="Clients{TRead}.Reads"/>
    public IEnumerable<Read> Reads => clients.Reads;

    public Task RunAsync(CancellationToken cancellationToken) => clients.RunAsync(
        client =>
        {
            Dictionary<long, long> versions = [];
            return async (id, random) =>
            {
                var wait = random.Next(WaitOneIn) == 0 ? Wait : TimeSpan.Zero;
                var version = random.Next(ConditionalOneIn) == 0 ? versions.GetValueOrDefault(id) : 0;
                var read = await client.ReadAsync(id, wait, version, fresh: random.Next(FreshOneIn) == 0);
                if (read.IsFound)
                {
                    versions[id] = read.Version;
                }

                return (read, read.Failure);
            };
        },
        cancellationToken);

    /// <inheritdoc cref="Clients{TRead}.ReadAllAsync"/>
    public Task<IReadOnlyList<Read>> ReadAllAsync(CancellationToken cancellationToken) =>
        clients.ReadAllAsync(client => id => client.ReadAsync(id, TimeSpan.Zero, 0), cancellationToken);
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
