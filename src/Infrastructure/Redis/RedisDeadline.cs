using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Turns every way in which Redis can fail to answer into one exception, in bounded time. One per process.</summary>
internal sealed class RedisDeadline(TimeSpan deadline, TimeProvider time)
{
    private readonly ProgressDeadline progress = new(
        deadline, deadline > RedisOptions.FirstDeadline ? deadline : RedisOptions.FirstDeadline, RedisOptions.Limit, time);

    public async Task<T> WithinAsync<T>(Task<T> command, CancellationToken cancellationToken)
    {
        try
        {
            return await progress.WithinAsync(command, cancellationToken);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A command that the client library cancels is one that Redis did not answer; only the caller's own token ends the call.
            throw new UnavailableException(Dependency.Cache, exception);
        }
    }
}
