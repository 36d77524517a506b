using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Receives notifications in order and passes them to the near cache and to the waiting readers of this process. After some time
/// without a message it sends a heartbeat, which shows that messages arrive when it comes back.
/// </summary>
internal sealed class NotificationListener(
    IConnectionMultiplexer redis,
    CacheNotifications notifications,
    NearCache nearCache,
    MissCoalescer misses,
    Revalidator revalidator,
    ProductEvents events,
    RedisClock clock,
    RedisTimeout timeout,
    TimeProvider time,
    ILogger<NotificationListener> logger) : BackgroundService
{
    /// <summary>The time without a message after which a heartbeat is sent. All processes receive it, so together they send about one per second.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(750);

    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(125);

    /// <summary>The interval of attempts to subscribe while Redis is unavailable. Once subscribed, the client library resubscribes by itself.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    private long lastHeard;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await SubscribeAsync(stoppingToken);
        using var timer = new PeriodicTimer(CheckInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            events.CheckSilence();
            try
            {
                if (clock.IsDue)
                {
                    await clock.SyncAsync(redis, timeout, stoppingToken);
                }

                if (time.GetElapsedTime(Volatile.Read(ref lastHeard)) >= HeartbeatInterval)
                {
                    await notifications.HeartbeatAsync(stoppingToken);
                }
            }
            catch (UnavailableException)
            {
                // The events of the connection are logged, and near caches notice the silence.
            }
        }
    }

    private async Task SubscribeAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                // A queue: handlers of one channel may run concurrently, but messages must be processed in order.
                var queue = await redis.GetSubscriber().SubscribeAsync(notifications.Channel).WaitAsync(stoppingToken);
                queue.OnMessage(message => OnMessage(message.Message));
                return;
            }
            catch (RedisException exception)
            {
                RedisLog.NotSubscribed(logger, exception.Message);
                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }

    private void OnMessage(RedisValue message)
    {
        Volatile.Write(ref lastHeard, time.GetTimestamp());
        if (!CacheNotification.TryParse(message, out var notification))
        {
            nearCache.OnUnreadableNotification();
            events.OnUnreadableNotification();
            return;
        }

        using var span = notification.TraceParent is { } sender && ProductCacheSpans.ReadTraceParent(sender) is var parent && parent != default
            ? ProductCacheSpans.Begin(notification.Kind == NotificationKind.Changed ? "near cache drop" : "readers wake", ActivityKind.Consumer, parent, notification.Ids.Count)
            : null;
        nearCache.OnNotification(notification);
        if (notification.Kind == NotificationKind.Filled)
        {
            misses.Wake(notification.Ids);
        }

        revalidator.Wake(notification.Ids);
        events.OnNotification(notification.Epoch, notification.Number, notification.Ids);
    }
}
