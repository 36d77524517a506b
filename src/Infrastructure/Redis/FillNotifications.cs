using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>One message per batch on the channel product-cache:filled: the ids, separated by commas.</summary>
internal sealed class FillNotifications(IConnectionMultiplexer redis, RedisDeadline deadline) : IFillNotifications
{
    public static readonly RedisChannel Channel = RedisChannel.Literal("product-cache:filled");

    public Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) =>
        deadline.WithinAsync(redis.GetSubscriber().PublishAsync(Channel, string.Join(',', ids)), cancellationToken);
}

/// <summary>Hands on which products have been filled, to wake the readers of this process that wait for them.</summary>
internal sealed class FillListener(IConnectionMultiplexer redis, Action<IEnumerable<ProductId>> wake, ILogger<FillListener> logger) : BackgroundService
{
    /// <summary>Between two tries to subscribe while Redis is away; once subscribed, the client library subscribes again by itself.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await redis.GetSubscriber().SubscribeAsync(FillNotifications.Channel, (_, message) => Wake(message)).WaitAsync(stoppingToken);
                return;
            }
            catch (RedisException exception)
            {
                RedisLog.NotSubscribed(logger, exception.Message);
                await Task.Delay(RetryInterval, stoppingToken);
            }
        }
    }

    private void Wake(RedisValue message)
    {
        List<ProductId> ids = [];
        foreach (var text in ((string?)message ?? string.Empty).Split(','))
        {
            if (ProductId.TryParse(text, out var id))
            {
                ids.Add(id);
            }
        }

        wake(ids);
    }
}

internal static partial class RedisLog
{
    [LoggerMessage(200, LogLevel.Warning, "Not subscribed to fills yet, trying again: {Reason}")]
    public static partial void NotSubscribed(ILogger logger, string reason);

    [LoggerMessage(201, LogLevel.Warning, "The connection to Redis at {EndPoint} was lost ({Failure})")]
    public static partial void ConnectionLost(ILogger logger, string? endPoint, ConnectionFailureType failure);

    [LoggerMessage(202, LogLevel.Information, "The connection to Redis at {EndPoint} is there again")]
    public static partial void ConnectionRestored(ILogger logger, string? endPoint);
}
