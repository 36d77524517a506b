using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure;

/// <summary>SHADOW_READS_PERCENT.</summary>
/// <param name="Percent">The share of hits that are compared with the store afterwards; 0: none.</param>
public sealed record ShadowReadOptions(int Percent)
{
    public const string Setting = "SHADOW_READS_PERCENT";

    public static ShadowReadOptions Read(Settings settings) => new(settings.Number(Setting, 0, 0, 100));
}

/// <summary>
/// Compares a share of hits with the store, after their readers were answered. A hit that still differs at a second look was wrong: the product is
/// removed from the caches, and the log names it.
/// </summary>
internal sealed partial class ShadowReads : BackgroundService, IShadowReads
{
    /// <summary>Hits that wait for their comparison. Further ones are not compared.</summary>
    public const int MaxWaiting = 1_000;

    /// <summary>Hits that are compared at the same time: most of them wait for their second look.</summary>
    public const int MaxAtOnce = 4;

    private readonly IStoreInspection store;
    private readonly ICacheInspection cache;
    private readonly INearCache nearCache;
    private readonly IGuardedCache guardedCache;
    private readonly ICacheNotifications notifications;
    private readonly ShadowReadOptions options;
    private readonly Random random;
    private readonly TimeProvider time;
    private readonly ILogger<ShadowReads> logger;
    private readonly Counter<long> reads;
    private readonly Channel<(ProductId Id, CachedProduct Entry)> waiting = Channel.CreateBounded<(ProductId, CachedProduct)>(
        new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite });

    public ShadowReads(
        IStoreInspection store,
        ICacheInspection cache,
        INearCache nearCache,
        IGuardedCache guardedCache,
        ICacheNotifications notifications,
        ShadowReadOptions options,
        Random random,
        TimeProvider time,
        IMeterFactory meters,
        ILogger<ShadowReads> logger)
    {
        (this.store, this.cache, this.nearCache, this.guardedCache, this.notifications) = (store, cache, nearCache, guardedCache, notifications);
        (this.options, this.random, this.time, this.logger) = (options, random, time, logger);
        reads = meters.Create("ProductCache.ShadowReads").CreateCounter<long>(
            "productcache.shadow.reads", "{read}", "Hits that were compared with the store, by outcome.");
    }

    public void Hit(ProductId id, CachedProduct entry)
    {
        if (options.Percent > 0 && random.Next(100) < options.Percent)
        {
            waiting.Writer.TryWrite((id, entry));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Parallel.ForEachAsync(
        waiting.Reader.ReadAllAsync(stoppingToken),
        new ParallelOptions { MaxDegreeOfParallelism = MaxAtOnce, CancellationToken = stoppingToken },
        async (hit, token) =>
        {
            try
            {
                Count(await CompareAsync(hit.Id, hit.Entry, token));
            }
            catch (UnavailableException)
            {
                Count("unknown");
            }
        });

    private void Count(string outcome) => reads.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    private async Task<string> CompareAsync(ProductId id, CachedProduct entry, CancellationToken stoppingToken)
    {
        if (await IsOfStoreAsync(id, entry, stoppingToken) is not false)
        {
            return "same";
        }

        // A change may be on its way.
        await Task.Delay(AuditEntriesHandler.ConfirmDelay, time, stoppingToken);
        var isCopied = nearCache.TryGet(id, out var copy) && IsSame(copy, entry);
        var isCached = (await cache.ReadAsync(id, stoppingToken)).Entry is { } cached && IsSame(cached, entry);
        if ((!isCopied && !isCached) || await IsOfStoreAsync(id, entry, stoppingToken) is not false)
        {
            return "changing";
        }

        Differs(id, entry.Version);
        await guardedCache.RemoveAsync([id], stoppingToken);
        await notifications.ChangedAsync([id], changedAt: null, stoppingToken);
        return "different";
    }

    // Null: the store could not be asked, or its row is not a valid product.
    private async Task<bool?> IsOfStoreAsync(ProductId id, CachedProduct entry, CancellationToken stoppingToken)
    {
        var row = await store.ReadAsync(id, stoppingToken);
        return row.Fault is not null ? null
            : row.Product is not { } product ? entry.IsAbsent
            : entry.IsOf(product);
    }

    private static bool IsSame(CachedProduct one, CachedProduct other) => one.Payload.AsSpan().SequenceEqual(other.Payload);

    [LoggerMessage(1, LogLevel.Warning, "A reader got product {Id} in version {Version}, which differs from its row; it was removed from the caches")]
    private partial void Differs(ProductId id, long version);
}

public static class ShadowReadRegistration
{
    /// <summary>For Apis with a database.</summary>
    public static IServiceCollection AddShadowReads(this IServiceCollection services, ShadowReadOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ShadowReads>();
        services.AddSingleton<IShadowReads>(provider => provider.GetRequiredService<ShadowReads>());
        services.AddHostedService(provider => provider.GetRequiredService<ShadowReads>());
        return services;
    }
}
