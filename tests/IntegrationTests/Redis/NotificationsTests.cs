using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The news of fills and changes, from one process to another.</summary>
public sealed class NotificationsTests
{
    /// <summary>So long that only notifications can be what ended something before.</summary>
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private static readonly Dictionary<string, Func<IDatabase, Task>> CounterDamages = new()
    {
        ["a string"] = async database =>
        {
            await database.KeyDeleteAsync(CacheNotification.Counter);
            await database.StringSetAsync(CacheNotification.Counter, "x");
        },
        ["a list"] = async database =>
        {
            await database.KeyDeleteAsync(CacheNotification.Counter);
            await database.ListRightPushAsync(CacheNotification.Counter, "x");
        },
        ["no epoch"] = database => database.HashDeleteAsync(CacheNotification.Counter, "epoch"),
        ["an epoch with a space"] = database => database.HashSetAsync(CacheNotification.Counter, "epoch", "a b"),
        ["no number"] = database => database.HashDeleteAsync(CacheNotification.Counter, "number"),
        ["a number that is none"] = database => database.HashSetAsync(CacheNotification.Counter, "number", "x"),
        ["a negative number"] = database => database.HashSetAsync(CacheNotification.Counter, "number", -5),
        ["a number that cannot be counted further"] = database => database.HashSetAsync(CacheNotification.Counter, "number", long.MaxValue),
    };

    private RedisServer server = null!;
    private ConnectionMultiplexer worker = null!;
    private GuardedCache guarded = null!;
    private CacheNotifications notifications = null!;

    [OneTimeSetUp]
    public async Task ConnectAsync()
    {
        server = await SharedServers.Redis;
        worker = await ConnectAsync(server);
        guarded = new GuardedCache(worker, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout);
        notifications = PublisherOn(worker);
    }

    [OneTimeTearDown]
    public ValueTask DisconnectAsync() => worker.DisposeAsync();

    [Test]
    public async Task AFillWakesTheReadersOfAnotherProcess()
    {
        await using var reader = await ReaderProcess.StartAsync(server);
        var id = NewId();

        // It has looked and asked; from here on only a notification makes it look again.
        var wait = reader.Missing.WaitAsync(id, Never, default);
        await Eventually.TrueAsync(() => reader.Requested.Contains(id));
        await FillAsync(id);
        await notifications.FilledAsync([NewId(), id], default);

        Assert.That((await wait.WaitAsync(TimeSpan.FromMinutes(1))).Entry?.Version, Is.EqualTo(1));
    }

    [Test]
    public async Task AChangeDropsTheCopyOfAnotherProcess()
    {
        await using var reader = await ReaderProcess.StartAsync(server);
        var id = NewId();
        await FillAsync(id);
        await reader.CopyAsync(id);

        await notifications.ChangedAsync([NewId(), id], null, default);

        await Eventually.TrueAsync(() => !reader.HasCopy(id));
    }

    [Test]
    public async Task TheMessagesOfAllPublishersAreNumberedWithoutGaps()
    {
        await using var listening = await ConnectAsync(server);
        var heard = await ListenAsync(listening);
        await using var another = await ConnectAsync(server);
        CacheNotifications[] publishers = [notifications, PublisherOn(another)];

        await Task.WhenAll(Enumerable.Range(0, 100).Select(n => n % 4 < 2
            ? publishers[n % 2].FilledAsync([NewId()], default)
            : publishers[n % 2].ChangedAsync([NewId()], null, default)));

        await Eventually.TrueAsync(() => heard.Count >= 100);
        var messages = heard.ToArray();
        Assert.That(messages.Select(message => message.Epoch).Distinct().Count(), Is.EqualTo(1));
        Assert.That(
            messages.Select(message => message.Number),
            Is.EqualTo(Enumerable.Range(0, messages.Length).Select(n => messages[0].Number + n)));
    }

    [Test]
    public async Task WhatIsPublishedArrivesWithItsKindAndItsProducts()
    {
        await using var listening = await ConnectAsync(server);
        var heard = await ListenAsync(listening);
        ProductId[] ids = [NewId(), new ProductId(long.MaxValue), new ProductId(1)];

        await notifications.FilledAsync(ids, default);
        await notifications.ChangedAsync(ids, null, default);
        await notifications.HeartbeatAsync(default);

        await Eventually.TrueAsync(() => heard.Count >= 3);
        Assert.That(
            heard.Select(message => message.Kind),
            Is.EqualTo(new[] { NotificationKind.Filled, NotificationKind.Changed, NotificationKind.Heartbeat }));
        Assert.That(heard.Take(2).Select(message => message.Ids), Is.All.EqualTo(ids));
    }

    [Test]
    public async Task ARedisThatLostItsCounterBeginsAnotherEpoch()
    {
        await using var listening = await ConnectAsync(server);
        var heard = await ListenAsync(listening);
        await notifications.HeartbeatAsync(default);
        await FlushAsync();
        await notifications.HeartbeatAsync(default);
        await FlushAsync();
        await notifications.HeartbeatAsync(default);

        await Eventually.TrueAsync(() => heard.Count >= 3);
        Assert.That(heard.Select(message => message.Epoch), Is.Unique);
        Assert.That(heard.Skip(1).Select(message => message.Number), Is.All.EqualTo(1));
    }

    [TestCaseSource(nameof(DamagedCounters))]
    public async Task ACounterThatIsNotAsItIsWrittenIsRemovedAndBeginsAnotherEpoch(string damage)
    {
        await using var listening = await ConnectAsync(server);
        var heard = await ListenAsync(listening);
        await notifications.HeartbeatAsync(default);
        await CounterDamages[damage](worker.GetDatabase());
        await notifications.HeartbeatAsync(default);
        await notifications.HeartbeatAsync(default);

        await Eventually.TrueAsync(() => heard.Count >= 3);
        var messages = heard.ToArray();
        Assert.That(messages[1].Epoch, Is.Not.EqualTo(messages[0].Epoch));
        Assert.That(messages[1].Number, Is.EqualTo(1));
        Assert.That((messages[2].Epoch, messages[2].Number), Is.EqualTo((messages[1].Epoch, 2)));
    }

    [Test]
    public async Task AnotherServerThatTakesOverBeginsAnotherEpoch()
    {
        await using var failing = await FailingRedis.StartAsync();
        await using var listening = await failing.ConnectAsync();
        var heard = await ListenAsync(listening);
        var publisher = PublisherOn(listening);
        await publisher.HeartbeatAsync(default);

        // The counter is that of before, as on a replica that missed what came after it.
        await failing.FailOverAsync();
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await publisher.HeartbeatAsync(default);
                return true;
            }
            catch (UnavailableException)
            {
                return false;
            }
        });

        await Eventually.TrueAsync(() => heard.Count >= 2);
        Assert.That(heard.First().Epoch, Is.Not.EqualTo(heard.Last().Epoch));
    }

    [Test]
    public async Task CopiesDoNotOutliveARedisThatLostItsData()
    {
        await using var reader = await ReaderProcess.StartAsync(server);
        var id = NewId();
        await FillAsync(id);
        await reader.CopyAsync(id);

        await FlushAsync();

        await Eventually.TrueAsync(() => !reader.HasCopy(id));
    }

    [Test]
    public async Task WhereNobodyPublishesAReaderSendsHeartbeats()
    {
        await using var listening = await ConnectAsync(server);
        var heard = await ListenAsync(listening);
        await using var reader = await ReaderProcess.StartAsync(server);

        await Eventually.TrueAsync(() => heard.Count(message => message.Kind == NotificationKind.Heartbeat) >= 3);
    }

    [Test]
    public async Task AChangeThatWasToldWhileTheConnectionWasLostDropsTheCopy()
    {
        await using var reader = await ReaderProcess.StartAsync(server);
        var id = NewId();
        await FillAsync(id);
        await reader.CopyAsync(id);

        // In one transaction, so that no client reconnects before the change is published.
        var stroke = worker.GetDatabase().CreateTransaction();
        var killed = stroke.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
        _ = stroke.ScriptEvaluateAsync(
            RedisScripts.Default.Notify,
            [CacheNotification.Counter],
            [RedisNames.Default.Channel.ToString(), "epoch", CacheNotification.NameOf(NotificationKind.Changed), id.ToString()]);
        Assert.That(await stroke.ExecuteAsync(), Is.True);
        Assert.That((int)await killed, Is.GreaterThan(0));

        await Eventually.TrueAsync(() => !reader.HasCopy(id));
        await reader.CopyAsync(id);
    }

    public static IEnumerable<string> DamagedCounters() => CounterDamages.Keys;

    private static Task<ConnectionMultiplexer> ConnectAsync(RedisServer server) =>
        ConnectionMultiplexer.ConnectAsync($"{server.Host}:{server.Port},allowAdmin=true");

    private static CacheNotifications PublisherOn(ConnectionMultiplexer connection) =>
        new(connection, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout);

    /// <summary>What a plain subscriber hears.</summary>
    private static async Task<ConcurrentQueue<CacheNotification>> ListenAsync(ConnectionMultiplexer connection)
    {
        ConcurrentQueue<CacheNotification> heard = new();
        var queue = await connection.GetSubscriber().SubscribeAsync(RedisNames.Default.Channel);
        queue.OnMessage(message =>
        {
            if (CacheNotification.TryParse(message.Message, out var notification))
            {
                heard.Enqueue(notification);
            }
        });
        return heard;
    }

    private async Task FlushAsync()
    {
        foreach (var node in worker.GetServers())
        {
            await node.FlushAllDatabasesAsync();
        }
    }

    private async Task FillAsync(ProductId id)
    {
        var claim = (await guarded.ClaimAsync([id], default))[0]!.Value;
        Assert.That(await guarded.FillAsync([new Fill(claim, Entry(id))], default), Is.EqualTo(new[] { FillOutcome.Stored }));
    }

    /// <summary>What an Api has of this, with its own connection.</summary>
    private sealed class ReaderProcess : IFillRequestPublisher, IAsyncDisposable
    {
        private readonly ServiceProvider services;
        private readonly NotificationListener listener;
        private readonly NearCache near;

        private ReaderProcess(RedisServer server)
        {
            var options = RedisOptions.Read(TestSettings.Of(("REDIS_HOST", server.Host), ("REDIS_PORT", $"{server.Port}")));
            var collection = new ServiceCollection();
            collection.AddMetrics();
            collection.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
            collection.AddLogging();
            collection.AddSingleton(TimeProvider.System);
            collection.AddSingleton<IFillRequestPublisher>(this);
            collection.AddReadPath();
            collection.AddRedisForReaders(options, new NearCacheOptions(1_000_000, Never));

            // A loaded machine is not what is tested.
            collection.AddSingleton(RedisGuardedCacheSpecification.Timeout);
            collection.AddSingleton(provider => new MissCoalescer(
                provider.GetRequiredService<NearCache>(), provider.GetRequiredService<IGuardedCache>(), this, TimeProvider.System, lookAgainInterval: Never));
            services = collection.BuildServiceProvider();
            near = services.GetRequiredService<NearCache>();
            listener = services.GetServices<IHostedService>().OfType<NotificationListener>().Single();
            Missing = services.GetRequiredService<MissCoalescer>();
        }

        public MissCoalescer Missing { get; }

        public ConcurrentBag<ProductId> Requested { get; } = [];

        public static async Task<ReaderProcess> StartAsync(RedisServer server)
        {
            var reader = new ReaderProcess(server);
            await reader.listener.StartAsync(default);
            return reader;
        }

        public Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken)
        {
            Requested.Add(id);
            return Task.CompletedTask;
        }

        public bool HasCopy(ProductId id) => near.TryGet(id, out _);

        /// <summary>Reads until notifications get through and the read makes a copy.</summary>
        public Task CopyAsync(ProductId id) => Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    Assert.That(await near.GetAsync(CacheKeys.Entry(id)), Is.Not.Null);
                }
                catch (UnavailableException)
                {
                    // Its connection is on the way.
                }

                return HasCopy(id);
            },
            $"a copy of {id}");

        public async ValueTask DisposeAsync()
        {
            await listener.StopAsync(default);
            await services.DisposeAsync();
        }
    }
}
