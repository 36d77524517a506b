using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Turns every way in which Redis can be silent, or refuse everything, into one exception, in bounded time. An error reply that is
/// about the keys of a command stays the <see cref="RedisServerException"/> that it is. One per process.
/// </summary>
internal sealed class RedisTimeout(TimeSpan timeout, TimeProvider time, ILogger<RedisTimeout>? logger = null)
{
    /// <summary>At most one warning of a refusal for the same reason in this time.</summary>
    public static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(30);

    private readonly ILogger logger = logger ?? NullLogger<RedisTimeout>.Instance;
    private readonly SilenceTimeout progress = new(
        timeout, timeout > RedisOptions.FirstTimeout ? timeout : RedisOptions.FirstTimeout, RedisOptions.Limit, time);

    private readonly Lock gate = new();

    // Only under the gate. As many as there are reasons.
    private readonly Dictionary<string, long> warned = [];
    private volatile bool refuses;

    public async Task<T> WithinAsync<T>(Task<T> command, CancellationToken cancellationToken)
    {
        try
        {
            return await progress.WithinAsync(command, cancellationToken);
        }
        catch (RedisServerException error)
        {
            if (RefusalOf(error) is { } refusal)
            {
                throw refusal;
            }

            throw;
        }
        catch (Exception exception) when (exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A command that the client library cancels is one that Redis did not answer; only the caller's own token ends the call.
            var reason = RedisRefusal.LoginReasonOf(exception);
            if (reason is not null)
            {
                Warn(reason);
            }

            throw new UnavailableException(Dependency.Cache, exception, reason);
        }
    }

    /// <summary>What a refusal of the server is to callers, and logs it. Null: the error is about the keys of the command.</summary>
    public UnavailableException? RefusalOf(RedisServerException error)
    {
        // The client library has this exception also for a node that it did not reach, or that forgets the script each time.
        if (error.Kind is RedisErrorKind.ConnectionFault or RedisErrorKind.Timeout or RedisErrorKind.UnknownRedirectTarget or RedisErrorKind.NoScript)
        {
            return new UnavailableException(Dependency.Cache, error);
        }

        return Refused(error.Message) is { } reason ? new UnavailableException(Dependency.Cache, error, reason) : null;
    }

    /// <summary>The reason of a refusal, which it logs. Null: the error is about the keys of the command.</summary>
    public string? Refused(string message)
    {
        var reason = RedisRefusal.ReasonOf(message);
        if (reason is not null)
        {
            Warn(reason);
        }

        return reason;
    }

    /// <summary>A write of ours has succeeded: a refusal that was logged is over.</summary>
    public void Written()
    {
        if (!refuses)
        {
            return;
        }

        lock (gate)
        {
            if (refuses)
            {
                refuses = false;
                RedisLog.RefusalEnded(logger);
            }
        }
    }

    private void Warn(string reason)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (!warned.TryGetValue(reason, out var last) || time.GetElapsedTime(last, now) >= WarningInterval)
            {
                warned[reason] = now;
                refuses = true;
                RedisLog.Refused(logger, reason);
            }
        }
    }
}
