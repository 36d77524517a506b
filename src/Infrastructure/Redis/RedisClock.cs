using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// The clock of Redis. When this process asked for the time, Redis had not reached the time of its answer yet: that time plus all that has
/// passed here since the question is never behind the clock of Redis. So no content is served beyond its end, and no clocks are compared.
/// </summary>
internal sealed class RedisClock(TimeProvider time) : ICacheClock
{
    /// <summary>How often the time is asked for. Two clocks drift apart by less than a millisecond meanwhile.</summary>
    public static readonly TimeSpan SyncInterval = TimeSpan.FromSeconds(5);

    /// <summary>After this time without an answer the clock is not known: another server may have taken over.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);

    private sealed record Reading(long AskedAt, long Milliseconds);

    private volatile Reading? last;
    private volatile bool isNeeded;

    /// <summary>Whether the time should be asked for now: content with an end has been seen, and the last answer is old.</summary>
    public bool IsDue => isNeeded && (last is not { } reading || time.GetElapsedTime(reading.AskedAt) > SyncInterval);

    public TimeSpan? LeftUntil(long end)
    {
        isNeeded = true;
        if (last is not { } reading || time.GetElapsedTime(reading.AskedAt) is var elapsed && elapsed > MaxAge)
        {
            return null;
        }

        return TimeSpan.FromMilliseconds(end - reading.Milliseconds) - time.GetElapsedTime(reading.AskedAt);
    }

    /// <summary>Asks all primaries: of a cluster, the clock that is ahead counts.</summary>
    public async Task SyncAsync(IConnectionMultiplexer redis, RedisTimeout timeout, CancellationToken cancellationToken)
    {
        var askedAt = time.GetTimestamp();
        var answers = await timeout.WithinAsync(
            Task.WhenAll(redis.GetServers().Where(server => server.IsConnected && !server.IsReplica).Select(server => server.TimeAsync())), cancellationToken);
        if (answers.Length > 0)
        {
            // Rounded up, since the answer has no fractions of a millisecond.
            last = new Reading(askedAt, answers.Max(answer => new DateTimeOffset(DateTime.SpecifyKind(answer, DateTimeKind.Utc)).ToUnixTimeMilliseconds()) + 1);
        }
    }
}
