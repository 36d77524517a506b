using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.HttpOverrides;
using ProductCache.Infrastructure.Hosting;
using IPNetwork = System.Net.IPNetwork;

namespace ProductCache.Api;

/// <summary>
/// API_MISSES_PER_SECOND, API_WRITES_PER_SECOND, API_LISTS_PER_SECOND, API_REQUESTS_PER_SECOND (each for one client; 0: no limit),
/// TRUSTED_PROXIES.
/// </summary>
internal sealed record ClientLimitOptions(int Misses, int Writes, int Lists, int Requests, IReadOnlyList<IPNetwork> TrustedProxies)
{
    private const int Max = 1_000_000;

    public static ClientLimitOptions Read(Settings settings) => new(
        settings.Number("API_MISSES_PER_SECOND", 1_000, 0, Max),
        settings.Number("API_WRITES_PER_SECOND", 100, 0, Max),
        settings.Number("API_LISTS_PER_SECOND", 20, 0, Max),
        settings.Number("API_REQUESTS_PER_SECOND", 0, 0, Max),
        ReadProxies(settings));

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

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<HttpContext> misses;
    private readonly PartitionedRateLimiter<HttpContext> writes;
    private readonly PartitionedRateLimiter<HttpContext> lists;
    private readonly PartitionedRateLimiter<HttpContext> requests;

    public ClientLimits(ClientLimitOptions options)
    {
        misses = PerSecond(options.Misses);
        writes = PartitionedRateLimiter.CreateChained(PerSecond(options.Writes), AtOnce());
        lists = PartitionedRateLimiter.CreateChained(PerSecond(options.Lists), AtOnce());
        requests = PerSecond(options.Requests);
    }

    /// <summary>Whether the client may have somebody asked for one product more.</summary>
    public bool MayMiss(HttpContext http)
    {
        using var lease = misses.AttemptAcquire(http);
        return lease.IsAcquired;
    }

    /// <summary>To be held until the answer.</summary>
    public RateLimitLease Write(HttpContext http) => writes.AttemptAcquire(http);

    /// <inheritdoc cref="Write"/>
    public RateLimitLease List(HttpContext http) => lists.AttemptAcquire(http);

    public bool MayRequest(HttpContext http)
    {
        using var lease = requests.AttemptAcquire(http);
        return lease.IsAcquired;
    }

    public void Dispose()
    {
        misses.Dispose();
        writes.Dispose();
        lists.Dispose();
        requests.Dispose();
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

    private static PartitionedRateLimiter<HttpContext> AtOnce() => PartitionedRateLimiter.Create<HttpContext, string>(http =>
        RateLimitPartition.GetConcurrencyLimiter(ClientOf(http), _ => new ConcurrencyLimiterOptions { PermitLimit = MaxAtOnce, QueueLimit = 0 }));

    internal static string ClientOf(HttpContext http)
    {
        if (Access.ClientOf(http) is { } client)
        {
            return client;
        }

        var address = http.Connection.RemoteIpAddress;
        if (address is null || address.IsIPv4MappedToIPv6 || address.AddressFamily == AddressFamily.InterNetwork)
        {
            return $"ip:{address?.MapToIPv4()}";
        }

        // A household or a host has 64 bits of them to choose from.
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"ip:{new IPAddress(bytes)}";
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
            application.Use((http, next) => limits.MayRequest(http) ? next(http) : Problems.TooManyRequestsOf(http).ExecuteAsync(http));
        }
    }
}
