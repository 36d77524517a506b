using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// The lease protocol on Redis: one script per step and product. The scripts of a batch are sent in one pipelined round.
/// StackExchange.Redis sends EVALSHA and loads a script again if a server has lost it.
/// </summary>
/// <param name="format">Null: the built-in table.</param>
/// <param name="names">Null: <see cref="RedisNames.Default"/>.</param>
internal sealed class GuardedCache(
    IConnectionMultiplexer redis, RedisScripts scripts, RedisTimeout timeout, EntryFormat? format = null, RedisNames? names = null) : IGuardedCache
{
    /// <summary>The first character of the token of a claim. The token of a reader's lease is hexadecimal.</summary>
    internal const string ClaimPrefix = "w";

    private static readonly RedisValue LeaseMilliseconds = (long)RedisOptions.LeaseLifetime.TotalMilliseconds;

    private static readonly RedisResult RemovedByChange = RedisResult.Create((RedisValue)(-1));
    private static readonly RedisResult RemovedByRefresh = RedisResult.Create((RedisValue)"removed");

    private readonly IDatabase database = (names ?? RedisNames.Default).DatabaseOf(redis);
    private readonly RedisValue formats = (format ?? EntryFormat.BuiltIn).Readable;

    public async Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken)
    {
        return LeaseOf(id, await RunForReaderAsync(id, "cache lease", scripts.Lease, NewLease(), cancellationToken));
    }

    public async Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken)
    {
        return LeaseOf(id, await RunForReaderAsync(id, "cache early lease", scripts.Early, [Nonce(), LeaseMilliseconds, seen.Header], cancellationToken));
    }

    public async Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken)
    {
        RedisValue times = marker switch { null => string.Empty, { Entry: null } => "-", { Entry: { } entry } => entry.Times };
        var parts = (RedisResult[])(await RunForReaderAsync(id, "cache renew", scripts.Renew, [.. NewLease(), times, marker?.History ?? string.Empty], cancellationToken))!;
        CachedProduct.TryRead((byte[]?)parts[1], out var found);
        return new Revalidation(
            (string?)parts[0] switch
            {
                "renewed" => RevalidationOutcome.Renewed,
                "asked" => RevalidationOutcome.Asked,
                _ => RevalidationOutcome.Busy,
            },
            found,
            LeaseOf(id, parts[2]),
            (string)parts[3]!);
    }

    public async Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken)
    {
        var tokens = await RunAsync(
            requests, "cache claim", scripts.Claim, request => request.Id, request => [.. NewLease(ClaimPrefix), BytesOf(request.Renews)], cancellationToken);
        return [.. requests.Zip(tokens, (request, token) => LeaseOf(request.Id, token))];
    }

    public async Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
    {
        var outcomes = await RunAsync(
            fills,
            "cache fill",
            scripts.Fill,
            fill => fill.Claim.Id,
            fill =>
            [
                fill.Claim.Token,
                fill.Entry.Rank,
                (long)(fill.Entry.Lifetime + fill.KeptBeyond).TotalMilliseconds,
                (fill.Entry.FilledAt + fill.Entry.Lifetime + fill.KeptBeyond).UtcTicks.ToString(CultureInfo.InvariantCulture),
                fill.Entry.Payload,
                fill.Entry.End,
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
        RunAsync(leases, "cache release", scripts.Release, lease => lease.Id, lease => [lease.Token], cancellationToken);

    public async Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
    {
        var results = await RunAsync(
            changes, "cache change", scripts.Change, change => change.Id, change => [change.Rank], cancellationToken, whereRefused: RemovedByChange);
        return [.. results.Select(ChangeResultOf)];
    }

    public async Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
    {
        var outcomes = await RunAsync(
            refreshes,
            "cache refresh",
            scripts.Refresh,
            refresh => refresh.Id,
            refresh =>
            {
                return [refresh.StaleRank, refresh.Entry.Rank, refresh.Entry.Payload, CachedProduct.TimesOffset + 1, CachedProduct.HeaderLength, refresh.Entry.End];
            },
            cancellationToken,
            whereRefused: RemovedByRefresh);
        return [.. outcomes.Select(outcome => (string?)outcome switch
        {
            "replaced" => RefreshOutcome.Replaced,
            "removed" => RefreshOutcome.Removed,
            _ => RefreshOutcome.Current,
        })];
    }

    public async Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken)
    {
        using var span = ProductCacheSpans.Step("cache remove", ids.Count);

        // Both keys in one command: between two commands, a fill could store an old row under a lease that is about to be removed.
        var round = Task.WhenAll(ids.Select(id => database.KeyDeleteAsync(BothKeys(id))));
        await timeout.WithinAsync(round, cancellationToken);
    }

    // A stale entry of a mapping comes with the time of the step.
    private static ChangeResult ChangeResultOf(RedisResult result) => result.Resp2Type == ResultType.Array && (RedisResult[]?)result is [var rank, var at]
        ? new ChangeResult(ChangeOutcome.Stale, (long)rank, (long)at)
        : (long)result switch
        {
            -1 => new ChangeResult(ChangeOutcome.Removed, 0),
            -2 => new ChangeResult(ChangeOutcome.Current, 0),
            var stale => new ChangeResult(ChangeOutcome.Stale, stale),
        };

    private static RedisKey[] BothKeys(ProductId id) => [CacheKeys.Entry(id), CacheKeys.Lease(id)];

    private static RedisValue[] NewLease(string marker = "") => [marker + Nonce(), LeaseMilliseconds];

    internal static byte[] BytesOf(IReadOnlyList<EntryTimes> times)
    {
        var bytes = new byte[times.Count * EntryTimes.Length];
        for (var i = 0; i < times.Count; i++)
        {
            times[i].Write(bytes.AsSpan(i * EntryTimes.Length));
        }

        return bytes;
    }

    private static string Nonce() => Guid.NewGuid().ToString("N");

    private Lease? LeaseOf(ProductId id, RedisResult token)
    {
        if (token.IsNull)
        {
            return null;
        }

        timeout.Written();
        var text = (string)token!;
        return new Lease(id, text, TimeOf(text));
    }

    // The token is nonce-seconds-microseconds, by the clock of Redis.
    private static long TimeOf(string token) =>
        token.Split('-') is [_, var seconds, var microseconds] && long.TryParse(seconds, out var whole) && long.TryParse(microseconds, out var part)
            ? (whole * 1000) + (part / 1000)
            : 0;

    // A reader has one product and no batch to search for the faulty item: any error of Redis means that it cannot be served.
    private async Task<RedisResult> RunForReaderAsync(ProductId id, string step, string script, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            return (await RunAsync([id], step, script, one => one, _ => arguments, cancellationToken))[0];
        }
        catch (RedisServerException error)
        {
            throw new UnavailableException(Dependency.Cache, error, "Redis refuses a step on this product");
        }
    }

    /// <param name="step">The name of the span.</param>
    /// <param name="whereRefused">The result of an item whose script Redis refuses but whose keys it permits to remove. Null: a refusal is an outage.</param>
    private async Task<RedisResult[]> RunAsync<T>(
        IReadOnlyList<T> items,
        string step,
        string script,
        Func<T, ProductId> idOf,
        Func<T, RedisValue[]> arguments,
        CancellationToken cancellationToken,
        RedisResult? whereRefused = null)
    {
        using var span = ProductCacheSpans.Step(step, items.Count);
        var replies = await SendAsync(items);
        var failed = Enumerable.Range(0, items.Count).Where(i => replies[i].Error is not null).ToList();
        if (failed.Count > 0)
        {
            // An error reply concerns its own item. 1. A refusal by the server ends the round, unless a removal is sufficient.
            foreach (var i in failed)
            {
                if (timeout.RefusalOf(replies[i].Error!) is { } refusal)
                {
                    replies[i] = new Reply(whereRefused ?? throw refusal, null);
                }
            }

            // 2. The keys of the other failed items are removed, and their steps are retried. 3. An item that fails again does not fail
            // because of its keys: the exception is thrown, and the caller can find the item by retrying with fewer items.
            await RemoveAsync([.. failed.Select(i => idOf(items[i]))], cancellationToken);
            var faulty = failed.Where(i => replies[i].Error is not null).ToList();
            var again = await SendAsync([.. faulty.Select(i => items[i])]);
            for (var i = 0; i < faulty.Count; i++)
            {
                replies[faulty[i]] = again[i].Error is { } error ? throw timeout.RefusalOf(error) ?? (Exception)error : again[i];
            }
        }

        return [.. replies.Select(reply => reply.Result!)];

        Task<Reply[]> SendAsync(IReadOnlyList<T> some) => timeout.WithinAsync(
            Task.WhenAll(some.Select(item => ReplyAsync(script, BothKeys(idOf(item)), [.. arguments(item), formats]))), cancellationToken);
    }

    private async Task<Reply> ReplyAsync(string script, RedisKey[] keys, RedisValue[] arguments)
    {
        try
        {
            return new Reply(await database.ScriptEvaluateAsync(script, keys, arguments), null);
        }
        catch (RedisServerException error)
        {
            return new Reply(null, error);
        }
    }

    private readonly record struct Reply(RedisResult? Result, RedisServerException? Error);
}
