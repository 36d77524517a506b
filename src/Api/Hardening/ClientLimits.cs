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
/// API_MISSES_PER_SECOND, API_WRITES_PER_SECOND, API_LISTS_PER_SECOND, API_REQUESTS_PER_SECOND (each per client; 0 means unlimited) and
/// TRUSTED_PROXIES.
/// </summary>
/// <param name="ListConnections">The size of the pool of connections to PostgreSQL for lists.</param>
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
                settings.Refuse($"TRUSTED_PROXIES must be a comma-separated list of addresses or networks (10.0.0.0/8), not '{text}'.");
            }
        }

        return proxies;
    }
}

/// <summary>
/// The limits of a client that a rate limiter policy cannot express, because only the handler knows what a request costs: a read is limited
/// only if it misses, a batch costs its number of ids, and lists share their route with batches and count only if their parameters are
/// valid. A client is a credential, or an address if the request has no credential. Hits are not limited: a hit costs less than counting it.
/// </summary>
internal sealed class ClientLimits : IDisposable
{
    /// <summary>The size of a burst, in seconds of the rate.</summary>
    public const int BurstSeconds = 20;

    /// <summary>Concurrent writes of a client, and concurrent lists.</summary>
    public const int MaxAtOnce = 32;

    /// <summary>A client may use one part in this many of the connections for lists. Its further lists wait.</summary>
    public const int PartOfListConnections = 2;

    /// <summary>Ids of batches (<c>?ids=</c>) of a client that are read concurrently. Its further batches wait.</summary>
    public const int MaxIdsAtOnce = 2_000;

    /// <summary>Ids of waiting batches of a client.</summary>
    public const int MaxIdsQueued = 40_000;

    /// <summary>The maximum wait of a list or a batch for others of its client.</summary>
    public static readonly TimeSpan TurnTimeout = TimeSpan.FromSeconds(4);

    /// <summary>Reads of all clients that may wait for a fill. A client may use one part in <see cref="PartOfWaiting"/> of them.</summary>
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
        Requests = PerSecond(options.Requests, isFree: http => http.Request.Path.Equals(HealthEndpoints.LivePath, StringComparison.Ordinal));
        mostRequests = options.Requests * BurstSeconds;
    }

    /// <summary>API_REQUESTS_PER_SECOND, for all requests except /health/live.</summary>
    public PartitionedRateLimiter<HttpContext> Requests { get; }

    /// <summary>Takes one cache miss from the client's rate. False if the rate is exceeded.</summary>
    public bool MayMiss(HttpContext http)
    {
        using var lease = misses.AttemptAcquire(http);
        return lease.IsAcquired;
    }

    /// <summary>Acquires a list. The caller holds the lease until the response has been sent.</summary>
    public RateLimitLease List(HttpContext http) => lists.AttemptAcquire(http);

    /// <summary>Acquires a connection for a list, which the caller holds while it uses it. Waits up to <see cref="TurnTimeout"/>.</summary>
    public ValueTask<RateLimitLease> ListConnectionAsync(HttpContext http, CancellationToken cancellationToken) =>
        TurnAsync(listConnections, http, 1, cancellationToken);

    /// <summary>Acquires the ids of a batch, which the caller holds while it reads them. Waits up to <see cref="TurnTimeout"/>.</summary>
    public ValueTask<RateLimitLease> BatchAsync(HttpContext http, int ids, CancellationToken cancellationToken) =>
        TurnAsync(batches, http, ids, cancellationToken);

    /// <summary>The limits of a read that may miss. Hits do not use it.</summary>
    public MissLimits OfMiss(HttpContext http) => new(this, waiting, http);

    /// <summary>Takes requests from the client's rate. False if the rate is exceeded.</summary>
    /// <param name="count">A batch counts once per id, at most the size of a burst.</param>
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

        using var timer = new CancellationTokenSource(TurnTimeout, time);
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

    /// <summary>A rate per second with a burst. The owner of the limiter replenishes it.</summary>
    internal static TokenBucketRateLimiterOptions Rate(int limit) => new()
    {
        TokenLimit = limit * BurstSeconds,
        TokensPerPeriod = limit,
        ReplenishmentPeriod = Second,
        QueueLimit = 0,
        AutoReplenishment = false,
    };

    /// <summary>A number of concurrent requests.</summary>
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

/// <summary>The limits of one request for misses: how many it may request, and how many waits for a fill it has been granted.</summary>
internal sealed class MissLimits(ClientLimits limits, Shares shares, HttpContext http) : IDisposable
{
    private long taken;

    /// <summary>Takes one miss from the rate of the client.</summary>
    public bool MayAsk() => limits.MayMiss(http);

    /// <summary>Takes the place of a waiting reader until the request ends. Thread-safe.</summary>
    public bool MayWait()
    {
        if (shares.TryTake(ClientLimits.ClientOf(http), 1) != ShareResult.Taken)
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
            shares.GiveBack(ClientLimits.ClientOf(http), amount);
        }
    }
}
