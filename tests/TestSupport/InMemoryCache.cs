using Microsoft.Extensions.Caching.Distributed;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

/// <summary>The protocol of entries and leases without Redis. Trusted because it passes <see cref="Contracts.GuardedCacheContract"/>.</summary>
public sealed class InMemoryCache(TimeProvider time) : IGuardedCache, IDistributedCache
{
    public static readonly TimeSpan LeaseLifetime = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly Dictionary<ProductId, StoredEntry> entries = [];
    private readonly Dictionary<ProductId, StoredLease> leases = [];
    private long executions;

    public Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) =>
        Step(() => IsCached(id) || LeaseOf(id) is not null ? (Lease?)null : NewLease(id, Nonce()));

    public Task<Lease?> TakeEarlyLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) =>
        Step(() => EntryOf(id) is { } entry && entry.Payload.AsSpan().StartsWith(seen.Header.Span) && LeaseOf(id) is null
            ? NewLease(id, Nonce())
            : (Lease?)null);

    public Task<Renewal> RenewAsync(ProductId id, RenewalMark? mark, CancellationToken cancellationToken) => Step(() =>
    {
        CachedProduct.TryRead(EntryOf(id)?.Payload, out var entry);
        if (entry is not null && mark is { } made && (made.Entry is null || !entry.Times.Span.SequenceEqual(made.Entry.Times.Span)))
        {
            return new Renewal(RenewalOutcome.Renewed, entry);
        }

        return LeaseOf(id) is { } lease
            ? new Renewal(lease.IsClaim ? RenewalOutcome.Busy : RenewalOutcome.Asked, entry)
            : new Renewal(RenewalOutcome.Asked, entry, NewLease(id, Nonce()));
    });

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) => Step(() => ids.Count(entries.Remove));

    public Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<Lease?>>(() => [.. ids.Select(id => Claim(id, Nonce()))]);

    /// <summary>One claim command that a client library sends twice: the tokens of both executions.</summary>
    public (Lease First, Lease Second) ClaimSentTwice(ProductId id)
    {
        lock (gate)
        {
            var nonce = Nonce();
            return (Claim(id, nonce)!.Value, Claim(id, nonce)!.Value);
        }
    }

    /// <summary>The claim command that returned this lease, executed again, however much later.</summary>
    public void ClaimAgain(Lease claim) => Step(() => Claim(claim.Id, claim.Token.Split('-')[0]));

    public Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<FillOutcome>>(() => [.. fills.Select(Store)]);

    public Task ReleaseAsync(IReadOnlyList<Lease> released, CancellationToken cancellationToken) => Step(() =>
    {
        foreach (var lease in released)
        {
            if (LeaseOf(lease.Id)?.Token == lease.Token)
            {
                leases.Remove(lease.Id);
            }
        }

        return 0;
    });

    public Task<IReadOnlyList<ChangeResult>> ChangeAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<ChangeResult>>(() => [.. changes.Select(Pass)]);

    public Task<IReadOnlyList<RefreshOutcome>> RefreshAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<RefreshOutcome>>(() => [.. refreshes.Select(Renew)]);

    public byte[]? Get(string key)
    {
        lock (gate)
        {
            return entries.Keys.Where(id => CacheKeys.Entry(id) == key).Select(id => EntryOf(id)?.Payload).FirstOrDefault();
        }
    }

    public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Get(key));

    public void ExpireLease(ProductId id) => Step(() => leases.Remove(id));

    public void ExpireEntry(ProductId id) => Step(() => entries.Remove(id));

    public void LoseEverything() => Step(() =>
    {
        leases.Clear();
        entries.Clear();
        return 0;
    });

    public void PutForeignEntry(ProductId id, byte[] payload) => Step(() =>
        entries[id] = new StoredEntry(payload, 2, time.GetUtcNow() + LeaseLifetime));

    /// <summary>Everything that the cache holds of a product.</summary>
    public CacheState StateOf(ProductId id) => new(EntryOf(id), LeaseOf(id));

    /// <summary>Puts a product back into a state that the cache, or another one, was in.</summary>
    public void Restore(ProductId id, CacheState state)
    {
        lock (gate)
        {
            entries.Remove(id);
            leases.Remove(id);
            if (state.Entry is { } entry)
            {
                entries[id] = entry;
            }

            if (state.Lease is { } lease)
            {
                leases[id] = lease;
            }
        }
    }

    public TimeSpan EntryTimeLeft(ProductId id) => entries[id].Ends - time.GetUtcNow();

    public TimeSpan LeaseTimeLeft(ProductId id) => leases[id].Ends - time.GetUtcNow();

    public void Refresh(string key) => throw new NotSupportedException();

    public Task RefreshAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

    public void Remove(string key) => throw new NotSupportedException();

    public Task RemoveAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

    public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) =>
        throw new NotSupportedException();

    private static string Nonce() => Guid.NewGuid().ToString("N");

    private Task<T> Step<T>(Func<T> step)
    {
        lock (gate)
        {
            return Task.FromResult(step());
        }
    }

    private Lease? Claim(ProductId id, string nonce) => IsCached(id) && LeaseOf(id) is null ? null : NewLease(id, nonce, isClaim: true);

    private bool IsCached(ProductId id) => EntryOf(id) is { } entry && CachedProduct.TryRead(entry.Payload, out _);

    private Lease NewLease(ProductId id, string nonce, bool isClaim = false)
    {
        var token = $"{nonce}-{++executions}";
        leases[id] = new StoredLease(token, 0, isClaim, time.GetUtcNow() + LeaseLifetime);
        return new Lease(id, token);
    }

    private FillOutcome Store(Fill fill)
    {
        var id = fill.Claim.Id;
        if (LeaseOf(id) is not { } lease || lease.Token != fill.Claim.Token)
        {
            return FillOutcome.Refused;
        }

        if (fill.Entry.Rank < lease.Floor)
        {
            return FillOutcome.Outdated;
        }

        entries[id] = new StoredEntry(fill.Entry.Payload, fill.Entry.Rank, time.GetUtcNow() + fill.Entry.Lifetime + fill.KeptBeyond);
        leases.Remove(id);
        return FillOutcome.Stored;
    }

    private void RaiseFloor(ProductId id, long rank)
    {
        if (LeaseOf(id) is { } lease && lease.Floor < rank)
        {
            leases[id] = lease with { Floor = rank };
        }
    }

    private RefreshOutcome Renew(Refresh refresh)
    {
        var renewed = refresh.ToEntry();
        RaiseFloor(refresh.Id, renewed.Rank);
        if (EntryOf(refresh.Id) is not { } entry || entry.Rank == 0 || entry.Rank >= renewed.Rank)
        {
            return RefreshOutcome.Current;
        }

        if (entry.Rank != refresh.StaleRank || entry.Payload[0] != CachedProduct.Format)
        {
            entries.Remove(refresh.Id);
            return RefreshOutcome.Removed;
        }

        byte[] payload =
        [
            .. renewed.Payload[..CachedProduct.TimesOffset],
            .. entry.Payload[CachedProduct.TimesOffset..CachedProduct.HeaderLength],
            .. renewed.Payload[CachedProduct.HeaderLength..],
        ];
        entries[refresh.Id] = entry with { Payload = payload, Rank = renewed.Rank };
        return RefreshOutcome.Replaced;
    }

    private ChangeResult Pass(Change change)
    {
        RaiseFloor(change.Id, change.Rank);

        if (EntryOf(change.Id) is not { } entry || entry.Rank >= change.Rank || (entry.Rank == 0 && change.Deleted))
        {
            return new ChangeResult(ChangeOutcome.Current, 0);
        }

        if (entry.Rank == 0 || change.Deleted)
        {
            entries.Remove(change.Id);
            return new ChangeResult(ChangeOutcome.Removed, 0);
        }

        return new ChangeResult(ChangeOutcome.Stale, entry.Rank);
    }

    private StoredEntry? EntryOf(ProductId id) =>
        entries.TryGetValue(id, out var entry) && entry.Ends > time.GetUtcNow() ? entry : null;

    private StoredLease? LeaseOf(ProductId id) =>
        leases.TryGetValue(id, out var lease) && lease.Ends > time.GetUtcNow() ? lease : null;

    public sealed record CacheState(StoredEntry? Entry, StoredLease? Lease);

    public sealed record StoredEntry(byte[] Payload, long Rank, DateTimeOffset Ends);

    public sealed record StoredLease(string Token, long Floor, bool IsClaim, DateTimeOffset Ends);
}
