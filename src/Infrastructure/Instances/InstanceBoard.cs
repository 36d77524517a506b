using System.Text.Json;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Instances;

/// <summary>
/// The reports of all processes, in the hash product-cache:instances: id → "time report". The time is that of Redis, so that no two clocks are
/// compared. A report that is not renewed is removed after <see cref="Lifetime"/>.
/// </summary>
internal sealed class InstanceBoard(IConnectionMultiplexer redis, ExpiringHashes hashes, RedisNames names) : IInstances
{
    /// <summary>How long a report counts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(15);

    private const string Write =
        """
        local time = redis.call('TIME')
        redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) .. ' ' .. ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        """;

    // Returns age, report, age, report …
    private const string Read =
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local fields = redis.call('HGETALL', KEYS[1])
        local reports = {}
        for i = 1, #fields, 2 do
          local at, report = string.match(fields[i + 1], '^(%d+) (.*)$')
          local age = at and math.max(now - at, 0)
          if not age or age > tonumber(ARGV[1]) then
            redis.call('HDEL', KEYS[1], fields[i])
          else
            reports[#reports + 1] = age
            reports[#reports + 1] = report
          end
        end
        return reports
        """;

    private static readonly RedisKey Key = "product-cache:instances";

    private readonly IDatabase database = names.DatabaseOf(redis);

    public Task WriteAsync(InstanceReport report, CancellationToken cancellationToken) => hashes.WithinAsync(
        database.ScriptEvaluateAsync(Write, [Key], [report.Id, JsonSerializer.Serialize(report, ExpiringHashes.Json), (long)Lifetime.TotalMilliseconds]), cancellationToken);

    public Task RemoveAsync(string id, CancellationToken cancellationToken) =>
        hashes.WithinAsync(database.HashDeleteAsync(Key, id), cancellationToken);

    public async Task<IReadOnlyList<InstanceReport>> ReadAsync(CancellationToken cancellationToken)
    {
        var fields = (RedisValue[])(await hashes.WithinAsync(
            database.ScriptEvaluateAsync(Read, [Key], [(long)Lifetime.TotalMilliseconds]), cancellationToken))!;
        List<InstanceReport> reports = [];
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            if (TryRead(fields[i + 1]!) is { } report)
            {
                reports.Add(report with { Age = TimeSpan.FromMilliseconds((double)fields[i]) });
            }
        }

        return [.. reports.OrderBy(report => report.Id, StringComparer.Ordinal)];
    }

    // A report of another version may look otherwise. Such a process is not shown.
    private static InstanceReport? TryRead(string text)
    {
        try
        {
            var report = JsonSerializer.Deserialize<InstanceReport>(text, ExpiringHashes.Json);
            return report is { Id: not null, Kind: not null, Servers: not null, Metrics: not null, Hot: not null } ? report : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
