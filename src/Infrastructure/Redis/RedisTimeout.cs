using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Limits the time of commands, and translates a Redis that does not answer or refuses all commands into one exception. An error reply
/// that concerns the keys of a command stays a <see cref="RedisServerException"/>. One per process.
/// </summary>
internal sealed class RedisTimeout(TimeSpan timeout, TimeProvider time, ILogger<RedisTimeout>? logger = null)
{
    /// <summary>The interval in which a refusal is logged once for each reason.</summary>
    public static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(30);

    private readonly ILogger logger = logger ?? NullLogger<RedisTimeout>.Instance;
    private readonly SilenceTimeout progress = new(
        timeout, timeout > RedisOptions.FirstTimeout ? timeout : RedisOptions.FirstTimeout, RedisOptions.Limit, time);

    private readonly Lock gate = new();

    // Only under the gate. One for each reason.
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
            // The client library cancels a command that Redis did not answer. Only the token of the caller is a cancellation.
            var reason = RedisRefusal.LoginReasonOf(exception);
            if (reason is not null)
            {
                Warn(reason);
            }

            throw new UnavailableException(Dependency.Cache, exception, reason);
        }
    }

    /// <summary>Translates and logs a refusal by the server. Null: the error concerns the keys of the command.</summary>
    public UnavailableException? RefusalOf(RedisServerException error)
    {
        // The client library throws this exception also for a node that it did not reach, or that loses the script each time.
        if (error.Kind is RedisErrorKind.ConnectionFault or RedisErrorKind.Timeout or RedisErrorKind.UnknownRedirectTarget or RedisErrorKind.NoScript)
        {
            return new UnavailableException(Dependency.Cache, error);
        }

        return Refused(error.Message) is { } reason ? new UnavailableException(Dependency.Cache, error, reason) : null;
    }

    /// <summary>Logs a refusal and returns its reason. Null: the error concerns the keys of the command.</summary>
    public string? Refused(string message)
    {
        var reason = RedisRefusal.ReasonOf(message);
        if (reason is not null)
        {
            Warn(reason);
        }

        return reason;
    }

    /// <summary>A write has succeeded: a refusal that was logged is over.</summary>
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
