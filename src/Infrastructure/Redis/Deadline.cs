using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Turns every way in which Redis can fail to answer into one exception, in bounded time.</summary>
internal static class Deadline
{
    public static async Task<T> WithinAsync<T>(this Task<T> command, TimeSpan deadline, CancellationToken cancellationToken)
    {
        try
        {
            return await command.WaitAsync(deadline, cancellationToken);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
        {
            throw new UnavailableException(Dependency.Cache, exception);
        }
    }
}
