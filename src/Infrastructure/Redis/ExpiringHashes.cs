using System.Text.Json;
using System.Text.Json.Serialization;
using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Hashes of short-lived values as JSON: what processes tell each other.</summary>
internal sealed class ExpiringHashes(IConnectionMultiplexer redis, RedisTimeout timeout, RedisNames names)
{
    /// <summary>The format of all values.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private const string Write =
        """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        """;

    private readonly IDatabase database = names.DatabaseOf(redis);

    /// <summary>Sets a field. The whole hash lives so long from now on.</summary>
    /// <exception cref="UnavailableException">Redis does not answer in time, or refuses.</exception>
    public Task WriteAsync<T>(RedisKey key, string field, T value, TimeSpan lifetime, CancellationToken cancellationToken) => WithinAsync(
        database.ScriptEvaluateAsync(Write, [key], [field, JsonSerializer.Serialize(value, Json), (long)lifetime.TotalMilliseconds]), cancellationToken);

    /// <summary>All values; none if there is no such hash.</summary>
    /// <exception cref="UnavailableException">Redis does not answer in time, or refuses.</exception>
    public async Task<IReadOnlyList<T>> ReadAsync<T>(RedisKey key, CancellationToken cancellationToken) =>
        [.. (await WithinAsync(database.HashGetAllAsync(key), cancellationToken)).Select(field => JsonSerializer.Deserialize<T>((string)field.Value!, Json)!)];

    /// <summary>Runs a command that concerns no product, so that any error of Redis means that it refuses.</summary>
    /// <exception cref="UnavailableException">Redis does not answer in time, or refuses.</exception>
    public async Task<T> WithinAsync<T>(Task<T> command, CancellationToken cancellationToken)
    {
        try
        {
            return await timeout.WithinAsync(command, cancellationToken);
        }
        catch (RedisServerException error)
        {
            throw new UnavailableException(Dependency.Cache, error, "Redis refuses a command of this deployment");
        }
    }
}
