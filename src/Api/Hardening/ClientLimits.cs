using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.HttpOverrides;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
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
/// What one client may ask for. A client is a credential, where there is one, else an address. Hits are not counted: they cost
/// next to nothing, and counting them would not.
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
    private readonly PartitionedRateLimiter<HttpContext> writes;
    private readonly PartitionedRateLimiter<HttpContext> lists;
    private readonly PartitionedRateLimiter<HttpContext> listConnections;
    private readonly PartitionedRateLimiter<HttpContext> batches;
    private readonly PartitionedRateLimiter<HttpContext> requests;
    private readonly int mostRequests;
    private readonly Shares waiting = new(MaxWaiting, MaxWaiting / PartOfWaiting);

    public ClientLimits(ClientLimitOptions options)
    {
        misses = PerSecond(options.Misses);
        writes = PartitionedRateLimiter.CreateChained(PerSecond(options.Writes), AtOnce(MaxAtOnce, queue: 0));
        lists = PartitionedRateLimiter.CreateChained(PerSecond(options.Lists), AtOnce(MaxAtOnce, queue: 0));
        listConnections = AtOnce(Math.Max(1, options.ListConnections / PartOfListConnections), MaxAtOnce);
        batches = AtOnce(MaxIdsAtOnce, MaxIdsQueued);
        requests = PerSecond(options.Requests);
        mostRequests = options.Requests * BurstSeconds;
    }

    /// <summary>Whether the client may have somebody asked for one product more.</summary>
    public bool MayMiss(HttpContext http)
    {
        using var lease = misses.AttemptAcquire(http);
        return lease.IsAcquired;
    }

    /// <summary>To be held until the answer has been sent.</summary>
    public RateLimitLease Write(HttpContext http) => writes.AttemptAcquire(http);

    /// <inheritdoc cref="Write"/>
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

        using var lease = requests.AttemptAcquire(http, Math.Min(count, mostRequests));
        return lease.IsAcquired;
    }

    public void Dispose()
    {
        misses.Dispose();
        writes.Dispose();
        lists.Dispose();
        listConnections.Dispose();
        batches.Dispose();
        requests.Dispose();
    }

    private static async ValueTask<RateLimitLease> TurnAsync(
        PartitionedRateLimiter<HttpContext> limiter, HttpContext http, int permits, CancellationToken cancellationToken)
    {
        if (limiter.AttemptAcquire(http, permits) is { IsAcquired: true } free)
        {
            return free;
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TurnDeadline);
        try
        {
            return await limiter.AcquireAsync(http, permits, deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return limiter.AttemptAcquire(http, permits);
        }
    }

    private static PartitionedRateLimiter<HttpContext> PerSecond(int limit) => PartitionedRateLimiter.Create<HttpContext, string>(http => limit == 0
        ? RateLimitPartition.GetNoLimiter(string.Empty)
        : RateLimitPartition.GetTokenBucketLimiter(ClientOf(http), _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = limit * BurstSeconds,
            TokensPerPeriod = limit,
            ReplenishmentPeriod = Second,
            QueueLimit = 0,
        }));

    private static PartitionedRateLimiter<HttpContext> AtOnce(int limit, int queue) => PartitionedRateLimiter.Create<HttpContext, string>(http =>
        RateLimitPartition.GetConcurrencyLimiter(ClientOf(http), _ => new ConcurrencyLimiterOptions { PermitLimit = limit, QueueLimit = queue }));

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

internal static class ClientLimitsRegistration
{
    public static void AddClientLimits(this IServiceCollection services, ClientLimitOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ClientLimits>();
    }

    /// <summary>From here on the address of a request is the client's, and its scheme and the prefix of its path are those that the client used.</summary>
    public static void UseTrustedProxies(this WebApplication application)
    {
        var options = application.Services.GetRequiredService<ClientLimitOptions>();
        if (options.TrustedProxies.Count == 0)
        {
            return;
        }

        // As many hops as are trusted, one after the other from the right; without proxies the headers are not looked at.
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null,
        };
        forwarded.KnownIPNetworks.Clear();
        forwarded.KnownProxies.Clear();
        foreach (var proxy in options.TrustedProxies)
        {
            forwarded.KnownIPNetworks.Add(proxy);
        }

        application.UseForwardedPrefix(options.TrustedProxies);
        application.UseForwardedHeaders(forwarded);
    }

    public static void UseClientLimits(this WebApplication application)
    {
        if (application.Services.GetRequiredService<ClientLimitOptions>().Requests > 0)
        {
            var limits = application.Services.GetRequiredService<ClientLimits>();
            application.Use((http, next) => http.Request.Path.Equals(ServiceHost.LivePath, StringComparison.Ordinal) || limits.MayRequest(http)
                ? next(http)
                : Problems.TooManyRequestsOf(http).ExecuteAsync(http));
        }
    }
}
