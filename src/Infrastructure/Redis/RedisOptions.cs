using ProductCache.Infrastructure.Hosting;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>REDIS_HOST (one or, for a cluster, several separated by commas, each with a port if it is not REDIS_PORT), REDIS_PORT, REDIS_PASSWORD (or REDIS_PASSWORD_FILE).</summary>
public sealed record RedisOptions(ConfigurationOptions Connection)
{
    /// <summary>The timeout of a command of a reader.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromMilliseconds(150);

    /// <summary>The timeout of a step of a Worker on a batch.</summary>
    public static readonly TimeSpan BatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The timeout of the first commands in the life of a process.</summary>
    public static readonly TimeSpan FirstTimeout = TimeSpan.FromMilliseconds(700);

    /// <summary>The limit of any command while Redis answers others.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>How long a lease lasts without a fill. Afterwards the next reader requests the product again.</summary>
    public static readonly TimeSpan LeaseLifetime = TimeSpan.FromSeconds(5);

    public static RedisOptions Read(Settings settings)
    {
        var port = settings.Port("REDIS_PORT", 6379);
        var password = settings.Secret("REDIS_PASSWORD", string.Empty);
        var connection = new ConfigurationOptions
        {
            ClientName = "product-cache",
            Password = password.Length > 0 ? password : null,

            // Redis may be unavailable at the start. Commands fail at once meanwhile and are not queued.
            AbortOnConnectFail = false,
            BacklogPolicy = BacklogPolicy.FailFast,
            ConnectTimeout = 1_000,
            AsyncTimeout = (int)Limit.TotalMilliseconds,
            SyncTimeout = (int)Limit.TotalMilliseconds,
            KeepAlive = 1,
            ReconnectRetryPolicy = new LinearRetry(250),
        };
        foreach (var endpoint in settings.Endpoints("REDIS_HOST", port))
        {
            connection.EndPoints.Add(endpoint.Host, endpoint.Port);
        }

        return new RedisOptions(connection);
    }
}
