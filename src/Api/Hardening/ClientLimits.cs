using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using ProductCache.Api.Auth;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Postgres;
using IPNetwork = System.Net.IPNetwork;

namespace ProductCache.Api.Hardening;

/// <summary>
/// API_MISSES_PER_SECOND, API_WRITES_PER_SECOND, API_LISTS_PER_SECOND, API_REQUESTS_PER_SECOND (each for one client; 0: no limit),
/// TRUSTED_PROXIES.
/// </summary>
/// <param name="ListConnections">Connections to PostgreSQL for lists: the pool of all clients.</param>
internal sealed record ClientLimitOptions(int Misses, int Writes, int Lists, int Requests, IReadOnlyList<IPNetwork> TrustedProxies, int ListConnections)
{
    private const int Max = 1_000_000;

    public static ClientLimitOptions Read(Settings settings, int listConnections = PostgresOptions.DefaultListPoolSize) => new(
        settings.Number("API_MISSES_PER_SECOND", 1_000, 0, Max),
        settings.Number("API_WRITES_PER_SECOND", 100, 0, Max),
        settings.Number("API_LISTS_PER_SECOND", 20, 0, Max),
        settings.Number("API_REQUESTS_PER_SECOND", 0, 0, Max),
        ReadProxies(settings),
        listConnections);

    private static List<IPNetwork> ReadProxies(Settings settings)
    {
        List<IPNetwork> proxies = [];
        foreach (var text in settings.Text("TRUSTED_PROXIES", string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (IPNetwork.TryParse(text, out var network))
            {
                proxies.Add(network);
            }
            else if (IPAddress.TryParse(text, out var address))
            {
                proxies.Add(new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128));
            }
            else
            {
                settings.Refuse($"TRUSTED_PROXIES must list addresses or networks (10.0.0.0/8), not '{text}'.");
            }
        }

        return proxies;
    }
}

/// <summary>
/// Limits of one client that no policy of a route can express, because a handler must find out first what a request costs: whether a read
/// misses, how many ids a batch has, whether the collection is read as a batch or as a list and with valid parameters. A client is a
/// credential, where there is one, else an address. Hits are not counted: they cost next to nothing, and counting them would not.
/// </summary>
internal sealed class ClientLimits : IDisposable
{
    /// <summary>How many seconds' worth may be asked for at once.</summary>
    public const int BurstSeconds = 20;

    /// <summary>Requests of one client that may use PostgreSQL at one time.</summary>
    public const int MaxAtOnce = 32;

    /// <summary>The part of the connections for lists that one client may use at one time; its further lists wait for one of them.</summary>
    public const int PartOfListConnections = 2;

    /// <summary>Ids of batches (<c>?ids=</c>) of one client that are read at one time; its further batches wait for these.</summary>
    public const int MaxIdsAtOnce = 2_000;

    /// <summary>Ids of batches of one client that wait.</summary>
    public const int MaxIdsQueued = 40_000;

    /// <summary>How long a list or a batch waits for others of its client.</summary>
    public static readonly TimeSpan TurnDeadline = TimeSpan.FromSeconds(4);

    /// <summary>Reads that wait for a fill: the places of all clients, and the part of them that one client may take.</summary>
    public const int MaxWaiting = MissCoalescer.MaxWaitingReaders;

    /// <inheritdoc cref="MaxWaiting"/>
    public const int PartOfWaiting = 10;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<HttpContext> misses;
    private readonly PartitionedRateLimiter<HttpContext> lists;
    private readonly PartitionedRateLimiter<HttpContext> listConnections;
    private readonly PartitionedRateLimiter<HttpContext> batches;
    private readonly int mostRequests;
    private readonly Shares waiting = new(MaxWaiting, MaxWaiting / PartOfWaiting);

    private readonly TimeProvider time;

    public ClientLimits(ClientLimitOptions options, TimeProvider time)
    {
        this.time = time;
        misses = PerSecond(options.Misses);
        lists = PartitionedRateLimiter.CreateChained(PerSecond(options.Lists), AtOnce(MaxAtOnce, queue: 0));
        listConnections = AtOnce(Math.Max(1, options.ListConnections / PartOfListConnections), MaxAtOnce);
        batches = AtOnce(MaxIdsAtOnce, MaxIdsQueued);
        Requests = PerSecond(options.Requests, isFree: http => http.Request.Path.Equals(ServiceHost.LivePath, StringComparison.Ordinal));
        mostRequests = options.Requests * BurstSeconds;
    }

    /// <summary>API_REQUESTS_PER_SECOND, for all requests but /health/live.</summary>
    public PartitionedRateLimiter<HttpContext> Requests { get; }

    /// <summary>Whether the client may have somebody asked for one product more.</summary>
    public bool MayMiss(HttpContext http)
    {
        using var lease = misses.AttemptAcquire(http);
        return lease.IsAcquired;
    }

    /// <summary>To be held until the answer has been sent.</summary>
    public RateLimitLease List(HttpContext http) => lists.AttemptAcquire(http);

    /// <summary>A connection to PostgreSQL for a list, to be held while it is used. Waits for one; not acquired: none in time.</summary>
    public ValueTask<RateLimitLease> ListConnectionAsync(HttpContext http, CancellationToken cancellationToken) =>
        TurnAsync(listConnections, http, 1, cancellationToken);

    /// <summary>To be held while a batch is read. Waits for other batches of the client; not acquired: not in time.</summary>
    public ValueTask<RateLimitLease> BatchAsync(HttpContext http, int ids, CancellationToken cancellationToken) =>
        TurnAsync(batches, http, ids, cancellationToken);

    public WaitingPlaces WaitingPlacesOf(HttpContext http) => new(waiting, ClientOf(http));

    /// <param name="count">A batch counts as its products; as the most that a client may request at once, if it has more.</param>
    public bool MayRequest(HttpContext http, int count = 1)
    {
        if (mostRequests == 0)
        {
            return true;
        }

        using var lease = Requests.AttemptAcquire(http, Math.Min(count, mostRequests));
        return lease.IsAcquired;
    }

    public void Dispose()
    {
        misses.Dispose();
        lists.Dispose();
        listConnections.Dispose();
        batches.Dispose();
        Requests.Dispose();
    }

    private async ValueTask<RateLimitLease> TurnAsync(
        PartitionedRateLimiter<HttpContext> limiter, HttpContext http, int permits, CancellationToken cancellationToken)
    {
        if (limiter.AttemptAcquire(http, permits) is { IsAcquired: true } free)
        {
            return free;
        }

        using var timer = new CancellationTokenSource(TurnDeadline, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        try
        {
            return await limiter.AcquireAsync(http, permits, deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return limiter.AttemptAcquire(http, permits);
        }
    }

    /// <summary>Half of the limits: so many in each second, and a burst. Whoever keeps the limiter refills it.</summary>
    internal static TokenBucketRateLimiterOptions Rate(int limit) => new()
    {
        TokenLimit = limit * BurstSeconds,
        TokensPerPeriod = limit,
        ReplenishmentPeriod = Second,
        QueueLimit = 0,
        AutoReplenishment = false,
    };

    /// <summary>The other half: so many at one time.</summary>
    internal static ConcurrencyLimiterOptions Concurrency(int limit, int queue = 0) => new() { PermitLimit = limit, QueueLimit = queue };

    private static PartitionedRateLimiter<HttpContext> PerSecond(int limit, Func<HttpContext, bool>? isFree = null) =>
        PartitionedRateLimiter.Create<HttpContext, string>(http => limit == 0 || isFree?.Invoke(http) == true
            ? RateLimitPartition.GetNoLimiter(string.Empty)
            : RateLimitPartition.GetTokenBucketLimiter(ClientOf(http), _ => Rate(limit)));

    private static PartitionedRateLimiter<HttpContext> AtOnce(int limit, int queue) => PartitionedRateLimiter.Create<HttpContext, string>(http =>
        RateLimitPartition.GetConcurrencyLimiter(ClientOf(http), _ => Concurrency(limit, queue)));

    internal static string ClientOf(HttpContext http)
    {
        if (ApiAuthorization.ClientOf(http) is { } client)
        {
            return client;
        }

        return $"ip:{ClientAddress.Of(http.Connection.RemoteIpAddress)}";
    }
}

/// <summary>The places of one request among those that wait for a fill.</summary>
internal sealed class WaitingPlaces(Shares shares, string client) : IDisposable
{
    private long taken;

    /// <summary>Safe to call from several threads.</summary>
    public bool TryTake()
    {
        if (shares.TryTake(client, 1) != ShareResult.Taken)
        {
            return false;
        }

        Interlocked.Increment(ref taken);
        return true;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref taken, 0) is var amount and > 0)
        {
            shares.GiveBack(client, amount);
        }
    }
}
