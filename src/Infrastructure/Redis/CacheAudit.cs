using System.Globalization;
using System.Runtime.CompilerServices;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Reads and writes the store marker, in the hash product-cache:store (version, identity, comparison), and reads all entries.
/// </summary>
internal sealed class CacheAudit(IConnectionMultiplexer redis, CacheNotifications notifications, RedisTimeout timeout, RedisNames names, EntryFormat? format = null) : ICacheAudit
{
    /// <summary>Keys that one SCAN visits.</summary>
    private const int ScanCount = 1_000;

    private static readonly RedisKey Marker = "product-cache:store";

    // A damaged marker is removed, and counts as missing.
    private const string ReadMarker =
        """
        if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
          redis.call('DEL', KEYS[1])
        end
        return redis.call('HMGET', KEYS[1], 'version', 'identity', 'comparison')
        """;

    // Numbers of up to 2^52 are exact in Lua.
    private const string WriteMarker =
        """
        if (tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0) < tonumber(ARGV[1]) then
          redis.call('HSET', KEYS[1], 'version', ARGV[1])
        end
        redis.call('HSET', KEYS[1], 'identity', ARGV[2])
        if redis.call('HGET', KEYS[1], 'comparison') == ARGV[3] then
          redis.call('HDEL', KEYS[1], 'comparison')
        end
        """;

    private const string ReserveSweep =
        """
        local owner = redis.pcall('HGET', KEYS[1], 'owner')
        if type(owner) == 'string' and owner ~= ARGV[1] and redis.call('PTTL', KEYS[1]) > 0 then
          return 0
        end
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'owner', ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return 1
        """;

    private static readonly RedisKey Sweep = "product-cache:sweep";

    private readonly IDatabase database = names.DatabaseOf(redis);
    private readonly EntryFormat format = format ?? EntryFormat.BuiltIn;

    public async Task<StoreMarker> ReadMarkerAsync(CancellationToken cancellationToken)
    {
        var fields = (RedisValue[])(await timeout.WithinAsync(database.ScriptEvaluateAsync(ReadMarker, [Marker]), cancellationToken))!;
        return new StoreMarker(fields[0].TryParse(out long version) ? version : 0, fields[1], fields[2]);
    }

    public Task RequireComparisonAsync(string name, CancellationToken cancellationToken) =>
        timeout.WithinAsync(database.HashSetAsync(Marker, "comparison", name), cancellationToken);

    public Task WriteMarkerAsync(long highestVersion, string identity, string? comparison, CancellationToken cancellationToken) => timeout.WithinAsync(
        database.ScriptEvaluateAsync(WriteMarker, [Marker], [highestVersion, identity, comparison ?? string.Empty]), cancellationToken);

    public async IAsyncEnumerable<IReadOnlyDictionary<ProductId, CachedProduct>> ReadEntriesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var keys in ScanAsync("product:{*}", cancellationToken))
        {
            if (await ReadAsync(keys, cancellationToken) is { Count: > 0 } entries)
            {
                yield return entries;
            }
        }
    }

    public async Task<IReadOnlyDictionary<ProductId, CachedProduct>> ReadEntriesAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) =>
        await ReadAsync([.. ids.Select(id => (RedisKey)CacheKeys.Entry(id))], cancellationToken);

    public async Task<bool> ReserveSweepAsync(string owner, TimeSpan lifetime, CancellationToken cancellationToken) => (bool)await timeout.WithinAsync(
        database.ScriptEvaluateAsync(ReserveSweep, [Sweep], [owner, (long)lifetime.TotalMilliseconds]), cancellationToken);

    public async Task RemoveAllAsync(CancellationToken cancellationToken)
    {
        foreach (var pattern in new[] { "lease:{*}", "product:{*}" })
        {
            await foreach (var keys in ScanAsync(pattern, cancellationToken))
            {
                await timeout.WithinAsync(Task.WhenAll(keys.Select(key => database.KeyDeleteAsync(key))), cancellationToken);
            }
        }

        // Without the counter a new epoch begins, and all near caches drop their copies.
        await timeout.WithinAsync(database.KeyDeleteAsync(CacheNotification.Counter), cancellationToken);
        await notifications.HeartbeatAsync(cancellationToken);
    }

    private async Task<Dictionary<ProductId, CachedProduct>> ReadAsync(IReadOnlyList<RedisKey> keys, CancellationToken cancellationToken)
    {
        var payloads = await timeout.WithinAsync(Task.WhenAll(keys.Select(ReadAsync)), cancellationToken);
        Dictionary<ProductId, CachedProduct> entries = [];
        for (var i = 0; i < keys.Count; i++)
        {
            if (CacheKeys.TryReadEntry(keys[i]!, out var id) && CachedProduct.TryRead(payloads[i], out var entry) && format.Reads(entry.Payload))
            {
                entries[id] = entry;
            }
        }

        return entries;
    }

    // A key of another type is no entry; the protocol removes it.
    private async Task<byte[]?> ReadAsync(RedisKey key)
    {
        try
        {
            return await database.HashGetAsync(key, "data");
        }
        catch (RedisServerException error) when (error.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            return null;
        }
    }

    // SCAN returns every key that exists from its beginning to its end. Each primary is scanned.
    private async IAsyncEnumerable<IReadOnlyList<RedisKey>> ScanAsync(string pattern, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var server in redis.GetServers().Where(server => server.IsConnected && !server.IsReplica))
        {
            var cursor = "0";
            do
            {
                var answer = (RedisResult[])(await timeout.WithinAsync(
                    server.ExecuteAsync("SCAN", cursor, "MATCH", names.KeyPrefix + pattern, "COUNT", ScanCount.ToString(CultureInfo.InvariantCulture)), cancellationToken))!;
                cursor = (string)answer[0]!;
                var keys = (RedisKey[])answer[1]!;
                if (keys.Length > 0)
                {
                    yield return [.. keys.Select(key => names.WithoutPrefix(key)).OfType<RedisKey>()];
                }
            }
            while (cursor != "0");
        }
    }
}
