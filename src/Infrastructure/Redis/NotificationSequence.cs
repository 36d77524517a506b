namespace ProductCache.Infrastructure.Redis;

/// <summary>Detects missed notifications. Not thread-safe, except <see cref="IsSilent"/>.</summary>
internal sealed class NotificationSequence(TimeProvider time)
{
    /// <summary>The maximum time without a message: twice the time after which a heartbeat is sent.</summary>
    public static readonly TimeSpan MaxSilence = TimeSpan.FromMilliseconds(1_500);

    private string? epoch;
    private long number;

    // 0: no message has arrived yet.
    private long lastHeard;

    /// <param name="now">A timestamp of the time provider.</param>
    public bool IsSilent(long now)
    {
        var last = Volatile.Read(ref lastHeard);
        return last == 0 || time.GetElapsedTime(last, now) > MaxSilence;
    }

    /// <summary>False: the message is the first one, a message before it was missed, or it comes after a silence.</summary>
    public bool IsNext(CacheNotification notification)
    {
        var now = time.GetTimestamp();
        var follows = !IsSilent(now) && notification.Epoch == epoch && notification.Number == number + 1;
        (epoch, number) = (notification.Epoch, notification.Number);
        Volatile.Write(ref lastHeard, now);
        return follows;
    }

    /// <summary>The next message counts as the first.</summary>
    public void Reset() => Volatile.Write(ref lastHeard, 0);
}
