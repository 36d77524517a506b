using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// The lease protocol on Redis: one script per step and product, those of a batch in one pipelined round.
/// StackExchange.Redis sends EVALSHA and loads the script again where a server lost it.
/// </summary>
internal sealed class GuardedCache(IConnectionMultiplexer redis, RedisScripts scripts, RedisDeadline deadline) : IGuardedCache
{
    /// <summary>How the token of a Worker's claim begins; that of a reader's lease is hexadecimal.</summary>
    private const string ClaimMark = "w";

    private static readonly RedisValue LeaseMilliseconds = (long)RedisOptions.LeaseLifetime.TotalMilliseconds;

    public async Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken)
    {
        var tokens = await RunAsync([id], scripts.Lease, BothKeys, _ => NewLease(), cancellationToken);
        return LeaseOf(id, tokens[0]);
    }

    public async Task<Lease?> TakeEarlyLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken)
    {
        var tokens = await RunAsync([id], scripts.Early, BothKeys, _ => [Nonce(), LeaseMilliseconds, seen.Header], cancellationToken);
        return LeaseOf(id, tokens[0]);
    }

    public async Task<Renewal> RenewAsync(ProductId id, RenewalMark? mark, CancellationToken cancellationToken)
    {
        RedisValue times = mark switch { null => string.Empty, { Entry: null } => "-", { Entry: { } entry } => entry.Times };
        var results = await RunAsync([id], scripts.Renew, BothKeys, _ => [.. NewLease(), times], cancellationToken);
        var parts = (RedisResult[])results[0]!;
        CachedProduct.TryRead((byte[]?)parts[1], out var found);
        return new Renewal(
            (string?)parts[0] switch
            {
                "renewed" => RenewalOutcome.Renewed,
                "asked" => RenewalOutcome.Asked,
                _ => RenewalOutcome.Busy,
            },
            found,
            LeaseOf(id, parts[2]));
    }

    public async Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        var tokens = await RunAsync(ids, scripts.Claim, BothKeys, _ => NewLease(ClaimMark), cancellationToken);
        return [.. ids.Zip(tokens, LeaseOf)];
    }

    public async Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
    {
        var outcomes = await RunAsync(
            fills,
            scripts.Fill,
            fill => BothKeys(fill.Claim.Id),
            fill =>
            [
                fill.Claim.Token,
                fill.Entry.Rank,
                (long)(fill.Entry.Lifetime + fill.KeptBeyond).TotalMilliseconds,
                (fill.Entry.FilledAt + fill.Entry.Lifetime + fill.KeptBeyond).UtcTicks.ToString(CultureInfo.InvariantCulture),
                fill.Entry.Payload,
            ],
            cancellationToken);
        return [.. outcomes.Select(outcome => (string?)outcome switch
        {
            "stored" => FillOutcome.Stored,
            "outdated" => FillOutcome.Outdated,
            _ => FillOutcome.Refused,
        })];
    }

    public Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken) =>
        RunAsync(leases, scripts.Release, lease => [LeaseKey(lease.Id)], lease => [lease.Token], cancellationToken);

    public async Task<IReadOnlyList<ChangeResult>> ChangeAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
    {
        var results = await RunAsync(changes, scripts.Change, change => BothKeys(change.Id), change => [change.Rank], cancellationToken);
        return [.. results.Select(result => (long)result switch
        {
            -1 => new ChangeResult(ChangeOutcome.Removed, 0),
            -2 => new ChangeResult(ChangeOutcome.Current, 0),
            var rank => new ChangeResult(ChangeOutcome.Stale, rank),
        })];
    }

    public async Task<IReadOnlyList<RefreshOutcome>> RefreshAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
    {
        var outcomes = await RunAsync(
            refreshes,
            scripts.Refresh,
            refresh => BothKeys(refresh.Id),
            refresh =>
            {
                var entry = refresh.ToEntry();
                return [refresh.StaleRank, entry.Rank, entry.Payload, CachedProduct.TimesOffset + 1, CachedProduct.HeaderLength];
            },
            cancellationToken);
        return [.. outcomes.Select(outcome => (string?)outcome switch
        {
            "replaced" => RefreshOutcome.Replaced,
            "removed" => RefreshOutcome.Removed,
            _ => RefreshOutcome.Current,
        })];
    }

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        var database = redis.GetDatabase();
        var round = Task.WhenAll(ids.Select(id => database.KeyDeleteAsync(CacheKeys.Entry(id))));
        return deadline.WithinAsync(round, cancellationToken);
    }

    private static RedisKey LeaseKey(ProductId id) => CacheKeys.Lease(id);

    private static RedisKey[] BothKeys(ProductId id) => [CacheKeys.Entry(id), LeaseKey(id)];

    private static RedisValue[] NewLease(string mark = "") => [mark + Nonce(), LeaseMilliseconds, (int)CachedProduct.Format];

    private static string Nonce() => Guid.NewGuid().ToString("N");

    private static Lease? LeaseOf(ProductId id, RedisResult token) => token.IsNull ? null : new Lease(id, (string)token!);

    private Task<RedisResult[]> RunAsync<T>(
        IReadOnlyList<T> items,
        string script,
        Func<T, RedisKey[]> keys,
        Func<T, RedisValue[]> arguments,
        CancellationToken cancellationToken)
    {
        var database = redis.GetDatabase();
        var round = Task.WhenAll(items.Select(item => database.ScriptEvaluateAsync(script, keys(item), arguments(item))));
        return deadline.WithinAsync(round, cancellationToken);
    }
}
