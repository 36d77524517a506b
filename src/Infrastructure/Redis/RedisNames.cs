using System.Globalization;
using StackExchange.Redis;
using StackExchange.Redis.KeyspaceIsolation;

namespace ProductCache.Infrastructure.Redis;

/// <summary>The names of all keys and of the channel, which differ between deployments that share a Redis.</summary>
/// <param name="KeyPrefix">In front of all keys; empty: none.</param>
/// <param name="Channel">The channel of notifications. Channels do not belong to a database of Redis.</param>
public sealed record RedisNames(string KeyPrefix, RedisChannel Channel)
{
    private const string ChannelName = "product-cache:notifications";

    public static readonly RedisNames Default = Of(string.Empty, 0);

    public static RedisNames Of(string cacheNamespace, int database)
    {
        var prefix = cacheNamespace.Length > 0 ? $"{cacheNamespace}:" : string.Empty;
        var suffix = database == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"@{database}");
        return new RedisNames(prefix, RedisChannel.Literal($"{prefix}{ChannelName}{suffix}"));
    }

    /// <summary>The database, whose commands take keys without the prefix.</summary>
    public IDatabase DatabaseOf(IConnectionMultiplexer redis)
    {
        var database = redis.GetDatabase();
        return KeyPrefix.Length == 0 ? database : database.WithKeyPrefix(KeyPrefix);
    }

    /// <summary>The key without the prefix. Null: the key of another deployment.</summary>
    public RedisKey? WithoutPrefix(RedisKey key)
    {
        if (KeyPrefix.Length == 0)
        {
            return key;
        }

        var text = key.ToString();
        return text.StartsWith(KeyPrefix, StringComparison.Ordinal) ? text[KeyPrefix.Length..] : null;
    }
}
