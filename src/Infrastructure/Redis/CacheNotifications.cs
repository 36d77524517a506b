using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

internal enum NotificationKind
{
    /// <summary>Shows that messages arrive, and carries the current number.</summary>
    Heartbeat,

    Filled,

    Changed,
}

/// <summary>
/// A message on the channel of <see cref="RedisNames"/>: "epoch number kind id,id,…", then "changed-at traceparent", each of which may be
/// "-". Numbers count the messages of an epoch without gaps. An epoch ends when Redis loses the counter or another server takes over.
/// Further parts are ignored, so that a later version may add some.
/// </summary>
/// <param name="ChangedAt">When the oldest of the changes was made. Null: it is not known.</param>
/// <param name="TraceParent">The span of the sender. Null: it is not traced.</param>
internal readonly record struct CacheNotification(
    string Epoch, long Number, NotificationKind Kind, IReadOnlyList<ProductId> Ids, DateTimeOffset? ChangedAt = null, string? TraceParent = null)
{
    private const string Nothing = "-";

    // The year 9999, the upper limit of DateTimeOffset.
    private const long MaxMilliseconds = 253_402_300_799_999;

    /// <summary>The counter, a hash: epoch, number.</summary>
    public static readonly RedisKey Counter = "product-cache:notifications";

    public static string NameOf(NotificationKind kind) => kind switch
    {
        NotificationKind.Filled => "filled",
        NotificationKind.Changed => "changed",
        _ => "heartbeat",
    };

    /// <summary>Parses a message. False: this version cannot read it, so the receiver must assume that anything may have changed.</summary>
    public static bool TryParse(string? text, out CacheNotification notification)
    {
        notification = default;
        if (text?.Split(' ') is not [{ Length: > 0 } epoch, var number, var name, var list, .. var details]
            || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
            || !TryReadKind(name, out var kind)
            || !TryReadIds(list, out var ids))
        {
            return false;
        }

        notification = new CacheNotification(epoch, parsed, kind, ids, ReadTime(details.ElementAtOrDefault(0)), details.ElementAtOrDefault(1));
        return true;
    }

    /// <summary>The parts after the ids. They only serve measurements, so one that is not readable is ignored.</summary>
    public static string DetailsOf(DateTimeOffset? changedAt, string? traceParent) => string.Create(
        CultureInfo.InvariantCulture, $"{(changedAt is { } at ? at.ToUnixTimeMilliseconds() : Nothing)} {traceParent ?? Nothing}");

    private static DateTimeOffset? ReadTime(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds <= MaxMilliseconds
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;

    private static bool TryReadKind(string name, out NotificationKind kind)
    {
        foreach (var candidate in Enum.GetValues<NotificationKind>())
        {
            if (NameOf(candidate) == name)
            {
                kind = candidate;
                return true;
            }
        }

        kind = default;
        return false;
    }

    private static bool TryReadIds(string list, [NotNullWhen(true)] out List<ProductId>? ids)
    {
        ids = [];
        foreach (var text in list.Length == 0 ? [] : list.Split(','))
        {
            if (!ProductId.TryReadEscaped(text, out var id))
            {
                return false;
            }

            ids.Add(id);
        }

        return true;
    }
}

/// <summary>Publishes notifications, one message per batch.</summary>
/// <param name="names">Null: <see cref="RedisNames.Default"/>.</param>
internal sealed class CacheNotifications(IConnectionMultiplexer redis, RedisScripts scripts, RedisTimeout timeout, RedisNames? names = null) : ICacheNotifications
{
    private readonly IDatabase database = (names ?? RedisNames.Default).DatabaseOf(redis);

    // A prefix of keys would stand in front of the channel too.
    private readonly IDatabase publisher = redis.GetDatabase();

    public RedisChannel Channel { get; } = (names ?? RedisNames.Default).Channel;

    public Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) =>
        PublishAsync(NotificationKind.Filled, ids, changedAt: null, cancellationToken);

    public Task ChangedAsync(IReadOnlyCollection<ProductId> ids, DateTimeOffset? changedAt, CancellationToken cancellationToken) =>
        PublishAsync(NotificationKind.Changed, ids, changedAt, cancellationToken);

    public Task HeartbeatAsync(CancellationToken cancellationToken) => PublishAsync(NotificationKind.Heartbeat, [], changedAt: null, cancellationToken);

    private async Task PublishAsync(
        NotificationKind kind, IReadOnlyCollection<ProductId> ids, DateTimeOffset? changedAt, CancellationToken cancellationToken)
    {
        using var span = ProductCacheSpans.Step("cache notify", ids.Count);
        var epoch = Guid.NewGuid().ToString("N");
        var name = CacheNotification.NameOf(kind);
        var list = $"{string.Join(',', ids)} {CacheNotification.DetailsOf(changedAt, ProductCacheSpans.CurrentTraceParent)}";
        try
        {
            var uncounted = (string?)await timeout.WithinAsync(
                database.ScriptEvaluateAsync(
                    scripts.Notify, [CacheNotification.Counter], [Channel.ToString(), epoch, name, list]),
                cancellationToken);
            if (uncounted is { Length: > 0 })
            {
                timeout.Refused(uncounted);
            }
        }
        catch (UnavailableException refusal) when (refusal.InnerException is RedisServerException error && RedisRefusal.IsPermission(error.Message))
        {
            // Without scripts, messages cannot be counted. A message with a new epoch makes all near caches drop their copies.
            await timeout.WithinAsync(
                publisher.PublishAsync(Channel, $"{epoch} 1 {name} {list}"), cancellationToken);
        }
        catch (RedisServerException error)
        {
            // No record of the caller is at fault, so a retry with fewer records would not help.
            throw new UnavailableException(Dependency.Cache, error, "Redis refuses to publish notifications");
        }
    }
}
