using System.Diagnostics.Metrics;
using MediatR;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>
/// Bugs of the service, planted to show that the checks find them: --fault=name replaces a part of every Api and Worker process by a wrong
/// one.
/// </summary>
internal static class PlantedFaults
{
    private const string NewToken = "ARGV[1] .. '-' .. now[1] .. '-' .. now[2]";

    public static IReadOnlyDictionary<string, Action<IServiceCollection>> All { get; } = new Dictionary<string, Action<IServiceCollection>>
    {
        ["set-instead-of-fill"] = Scripts(right => right with
        {
            Fill = Without(Without(right.Fill, "lease[1] ~= ARGV[1]", "false"), "tonumber(ARGV[2]) < tonumber(lease[2])", "false"),
        }),
        ["no-floor"] = Scripts(right => right with { Fill = Without(right.Fill, "tonumber(ARGV[2]) < tonumber(lease[2])", "false") }),
        ["reused-token"] = Scripts(right => right with
        {
            Lease = Without(right.Lease, NewToken, "'token'"),
            Early = Without(right.Early, NewToken, "'token'"),
            Claim = Without(right.Claim, NewToken, "'token'"),
        }) + FillTwice,
        ["creating-refresh"] = Scripts(right => right with
        {
            Refresh = Without(right.Refresh, "if current < 0 or (current == 0 and not mapped) or current >= rank then\n  return 'current'\nend", "if current <= 0 then entry[2] = ARGV[3] end")
                .Replace("current ~= tonumber(ARGV[1])", "false", StringComparison.Ordinal)

                // With all its fields and an expiry: what is not as we write it is removed by the next step.
                .Replace(
                    "return 'replaced'",
                    "redis.call('HSET', KEYS[1], 'absexp', '3155378975999999999', 'sldexp', '-1')\nredis.call('PEXPIRE', KEYS[1], 600000)\nreturn 'replaced'",
                    StringComparison.Ordinal),
        }, slowOneIn: 2),
        ["surviving-absence"] = Scripts(right => right with
        {
            Change = Without(right.Change, "  redis.call('DEL', KEYS[1])\n  return -1\nend\nif deletion", "  return -2\nend\nif deletion"),
        }),
        ["changed-only-where-cached"] = services => services.Replace(
            ServiceDescriptor.Singleton<IRequestHandler<RefreshCache, RefreshCacheResult>, NotifyingOnlyWhereCached>()),
        ["deleted-before-acknowledged"] = services => Decorate<IChangeOutbox>(services, outbox => new HastyOutbox(outbox)),
        ["near-cache-without-gaps"] = services => ReplaceListener<ListenerWithoutGaps>(services),
        ["near-cache-without-pending-reads"] = services =>
        {
            if (services.Any(service => service.ServiceType == typeof(NearCache)))
            {
                services.AddSingleton(LateNearCache);
                services.Replace(ServiceDescriptor.Singleton<IDistributedCache>(provider => new LateReads(provider.GetRequiredService<NearCache>(), Redis(provider))));
            }
        },
    };

    private static void FillTwice(IServiceCollection services) =>
        Decorate<IRequestHandler<FillCache, FillCacheResult>>(services, handler => new FillingTwice(handler));

    // What the scripts prevent takes a slow Worker to happen, so their faults come with one; as a rule it is slow only now
    // and then, which keeps readers and changes going.
    private static Action<IServiceCollection> Scripts(Func<RedisScripts, RedisScripts> wrong, int slowOneIn = 4) => services =>
    {
        services.AddSingleton(wrong(RedisScripts.Default));
        Decorate<IProductStore>(services, store => new SlowStore(store, slowOneIn));
    };

    private static string Without(string script, string rule, string instead) => script.Contains(rule, StringComparison.Ordinal)
        ? script.Replace(rule, instead, StringComparison.Ordinal)
        : throw new InvalidOperationException($"The planted fault changes nothing, since no script has: {rule}");

    public static void Decorate<T>(IServiceCollection services, Func<T, T> decorate)
        where T : class
    {
        if (services.LastOrDefault(service => service.ServiceType == typeof(T)) is { } right)
        {
            services.AddSingleton(provider => decorate((T)(right.ImplementationFactory?.Invoke(provider)
                ?? ActivatorUtilities.CreateInstance(provider, right.ImplementationType!))));
        }
    }

    private static void ReplaceListener<T>(IServiceCollection services)
        where T : class, IHostedService
    {
        if (services.FirstOrDefault(service => service.ImplementationType == typeof(NotificationListener)) is { } listener)
        {
            services.Remove(listener);
            services.AddHostedService<T>();
        }
    }

    private static ReadOnlyRedisCache Redis(IServiceProvider provider) => new(
        new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = () => Task.FromResult(provider.GetRequiredService<IConnectionMultiplexer>()) }),
        provider.GetRequiredService<RedisTimeout>());

    private static NearCache LateNearCache(IServiceProvider provider) => new(
        new LateReads.Handed(),
        new NearCacheOptions(64 * 1024 * 1024, TimeSpan.FromHours(1)),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<IMeterFactory>());

    /// <summary>Delivers every request to two Workers, to the second one a little later.</summary>
    private sealed class FillingTwice(IRequestHandler<FillCache, FillCacheResult> handler) : IRequestHandler<FillCache, FillCacheResult>
    {
        private const int MaxDelayMilliseconds = 500;

        public async Task<FillCacheResult> Handle(FillCache request, CancellationToken cancellationToken)
        {
            var again = AgainAsync();
            var result = await handler.Handle(request, cancellationToken);
            await again;
            return result;

            async Task AgainAsync()
            {
                await Task.Delay(Random.Shared.Next(MaxDelayMilliseconds), cancellationToken);
                await handler.Handle(request, cancellationToken);
            }
        }
    }

    private sealed class SlowStore(IProductStore store, int slowOneIn) : IProductStore
    {
        private const int MaxDelayMilliseconds = 1_000;

        public async Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken)
        {
            var products = await store.ReadAsync(ids, cancellationToken);
            if (Random.Shared.Next(slowOneIn) == 0)
            {
                await Task.Delay(Random.Shared.Next(MaxDelayMilliseconds), cancellationToken);
            }

            return products;
        }
    }

    /// <summary>Notifies near caches only of products that the cache had.</summary>
    private sealed class NotifyingOnlyWhereCached(IGuardedCache cache, IProductStore store, ICacheNotifications notifications)
        : IRequestHandler<RefreshCache, RefreshCacheResult>
    {
        public async Task<RefreshCacheResult> Handle(RefreshCache request, CancellationToken cancellationToken)
        {
            List<Application.Change> changes = [.. request.Changes.Distinct()];
            var results = await cache.InvalidateAsync(changes, cancellationToken);
            var found = changes.Zip(results).Where(change => change.Second.Outcome != ChangeOutcome.Current).ToList();
            var stale = found.Where(change => change.Second.Outcome == ChangeOutcome.Stale)
                .GroupBy(change => change.First.Id)
                .ToDictionary(group => group.Key, group => group.Last().Second.StaleRank);
            if (stale.Count > 0)
            {
                var products = (await store.ReadAsync(stale.Keys, cancellationToken)).Products;
                await cache.ReplaceStaleAsync([.. products.Values.Select(product => Refresh.To(product, stale[product.Id]))], cancellationToken);
            }

            await notifications.ChangedAsync([.. found.Select(change => change.First.Id).Distinct()], changedAt: null, cancellationToken);
            return new RefreshCacheResult(changes.Count, stale.Count, 0);
        }
    }

    /// <summary>Removes changes from the outbox when they are taken, before they are published.</summary>
    private sealed class HastyOutbox(IChangeOutbox outbox) : IChangeOutbox
    {
        public async Task<ChangeBatch> TakeAsync(ChangeLane lane, CancellationToken cancellationToken)
        {
            await using var batch = await outbox.TakeAsync(lane, cancellationToken);
            await batch.CompleteAsync([], cancellationToken);
            return new Taken(batch.Changes);
        }

        private sealed class Taken(IReadOnlyList<RecordedChange> changes) : ChangeBatch
        {
            public override IReadOnlyList<RecordedChange> Changes => changes;

            public override Task CompleteAsync(IReadOnlyList<RefusedChange> refused, CancellationToken cancellationToken) => Task.CompletedTask;

            public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    /// <summary>Renumbers the messages, so that none ever seems to be missing, and sends heartbeats by itself.</summary>
    private sealed class ListenerWithoutGaps(IConnectionMultiplexer redis, NearCache nearCache, MissCoalescer missing) : BackgroundService
    {
        private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

        private readonly Lock gate = new();
        private long number;

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            var queue = await redis.GetSubscriber().SubscribeAsync(RedisNames.Default.Channel).WaitAsync(stoppingToken);
            queue.OnMessage(message =>
            {
                if (CacheNotification.TryParse(message.Message, out var notification))
                {
                    Notify(notification.Kind, notification.Ids);
                    if (notification.Kind == NotificationKind.Filled)
                    {
                        missing.Wake(notification.Ids);
                    }
                }
            });
            using var timer = new PeriodicTimer(Interval);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Notify(NotificationKind.Heartbeat, []);
            }
        }

        private void Notify(NotificationKind kind, IReadOnlyList<ProductId> ids)
        {
            lock (gate)
            {
                nearCache.OnNotification(new CacheNotification("epoch", ++number, kind, ids));
            }
        }
    }

    /// <summary>Registers a read only after it has ended, with a delay.</summary>
    private sealed class LateReads(NearCache nearCache, ReadOnlyRedisCache redis) : ReadOnlyDistributedCache
    {
        private const int MaxDelayMilliseconds = 200;

        private static readonly AsyncLocal<byte[]?> Read = new();

        public override async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
        {
            Read.Value = await redis.GetAsync(key, token);
            await Task.Delay(Random.Shared.Next(MaxDelayMilliseconds), token);
            return await nearCache.GetAsync(key, token);
        }

        /// <summary>The cache behind the near cache.</summary>
        public sealed class Handed : ReadOnlyDistributedCache
        {
            public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Read.Value);
        }
    }
}
