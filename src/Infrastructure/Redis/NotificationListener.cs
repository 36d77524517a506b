using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Hears what has happened to products, in order, and tells the near cache and the readers of this process that wait.
/// When it has heard nothing for a while it sends a heartbeat itself: one that comes back shows that messages get through.
/// </summary>
internal sealed class NotificationListener(
    IConnectionMultiplexer redis,
    CacheNotifications notifications,
    NearCache nearCache,
    MissCoalescer misses,
    Revalidator revalidator,
    TimeProvider time,
    ILogger<NotificationListener> logger) : BackgroundService
{
    /// <summary>After so much silence a heartbeat is sent. All processes hear it, so they send about one a second together.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(750);

    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(125);

    /// <summary>Between two tries to subscribe while Redis is away; once subscribed, the client library subscribes again by itself.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    private long lastHeard;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await SubscribeAsync(stoppingToken);
        using var timer = new PeriodicTimer(CheckInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (time.GetElapsedTime(Volatile.Read(ref lastHeard)) < HeartbeatInterval)
            {
                continue;
            }

            try
            {
                await notifications.HeartbeatAsync(stoppingToken);
            }
            catch (UnavailableException)
            {
                // Told by the connection's own log lines; near caches notice the silence.
            }
        }
    }

    private async Task SubscribeAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                // A queue, since plain handlers of one channel may run side by side, and numbers have an order.
                var queue = await redis.GetSubscriber().SubscribeAsync(CacheNotification.Channel).WaitAsync(stoppingToken);
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
            return;
        }

        nearCache.OnNotification(notification);
        if (notification.Kind == NotificationKind.Filled)
        {
            misses.Wake(notification.Ids);
        }

        revalidator.Wake(notification.Ids);
    }
}
