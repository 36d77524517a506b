using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport;

/// <summary>The protocol of entries and leases without Redis. Trusted because it passes <see cref="PortSpecifications.GuardedCacheSpecification"/>.</summary>
public sealed class InMemoryCache : ReadOnlyDistributedCache, IGuardedCache
{
    public static readonly TimeSpan LeaseLifetime = TimeSpan.FromSeconds(5);

    private static long nonces;

    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Dictionary<ProductId, StoredEntry> entries = [];
    private readonly Dictionary<ProductId, StoredLease> leases = [];
    private readonly EntryFormat format = EntryFormat.BuiltIn;
    private long executions;
    private string history = Nonce();

    /// <param name="format">Null: the built-in table.</param>
    public InMemoryCache(TimeProvider time, EntryFormat? format = null) => (this.time, this.format) = (time, format ?? EntryFormat.BuiltIn);

    private InMemoryCache(InMemoryCache other, EntryFormat format) =>
        (time, gate, entries, leases, this.format) = (other.time, other.gate, other.entries, other.leases, format);

    /// <summary>The same data as processes see it that read these formats.</summary>
    public InMemoryCache Reading(EntryFormat readable) => new(this, readable);

    public Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) =>
        Step(() => IsCached(id) || LeaseOf(id) is not null ? (Lease?)null : NewLease(id, Nonce()));

    public Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) =>
        Step(() => EntryOf(id) is { } entry && entry.Payload.AsSpan().StartsWith(seen.Header.Span) && LeaseOf(id) is null
            ? NewLease(id, Nonce())
            : (Lease?)null);

    public Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken) => Step(() =>
    {
        CachedProduct.TryRead(EntryOf(id)?.Payload, out var entry);
        if (entry is not null && marker is { } made && made.History == history && (made.Entry is null || !entry.Times.Span.SequenceEqual(made.Entry.Times.Span)))
        {
            return new Revalidation(RevalidationOutcome.Renewed, entry, null, history);
        }

        return LeaseOf(id) is { } lease
            ? new Revalidation(lease.IsClaim ? RevalidationOutcome.Busy : RevalidationOutcome.Asked, entry, null, history)
            : new Revalidation(RevalidationOutcome.Asked, entry, NewLease(id, Nonce()), history);
    });

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) =>
        Step(() => ids.Count(id => entries.Remove(id) | leases.Remove(id)));

    public Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<Lease?>>(() => [.. requests.Select(request => Claim(request, Nonce()))]);

    /// <summary>One claim command that a client library sends twice: the tokens of both executions.</summary>
    public (Lease First, Lease Second) ClaimSentTwice(ProductId id)
    {
        lock (gate)
        {
            var nonce = Nonce();
            return (Claim(new ClaimRequest(id, []), nonce)!.Value, Claim(new ClaimRequest(id, []), nonce)!.Value);
        }
    }

    /// <summary>The claim command that returned this lease, executed again, however much later.</summary>
    public void ClaimAgain(ClaimRequest request, Lease claim) => Step(() => Claim(request, claim.Token.Split('-')[0]));

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

    public Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<ChangeResult>>(() => [.. changes.Select(Pass)]);

    public Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
        Step<IReadOnlyList<RefreshOutcome>>(() => [.. refreshes.Select(Renew)]);

    private byte[]? Read(string key)
    {
        lock (gate)
        {
            return entries.Where(entry => CacheKeys.Entry(entry.Key) == key && entry.Value.Ends > time.GetUtcNow()).Select(entry => entry.Value.Payload).FirstOrDefault();
        }
    }

    public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Read(key));

    public void ExpireLease(ProductId id) => Step(() => leases.Remove(id));

    public void ExpireEntry(ProductId id) => Step(() => entries.Remove(id));

    /// <summary>Another server takes over. What of the data it lacks, the test takes away.</summary>
    public void FailOver() => Step(() => history = Nonce());

    public void LoseEverything() => Step(() =>
    {
        leases.Clear();
        entries.Clear();
        return 0;
    });

    public void PutEntry(ProductId id, byte[] payload, long rank) => Step(() =>
        entries[id] = new StoredEntry(payload, rank, time.GetUtcNow() + LeaseLifetime));

    /// <summary>Everything that the cache holds of a product, and the history that its markers name.</summary>
    public CacheState StateOf(ProductId id) => new(EntryOf(id), LeaseOf(id), history);

    /// <summary>Puts a product back into a state that the cache, or another one, was in.</summary>
    public void Restore(ProductId id, CacheState state)
    {
        lock (gate)
        {
            history = state.History;
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

    private static string Nonce() => Interlocked.Increment(ref nonces).ToString(CultureInfo.InvariantCulture);

    private Task<T> Step<T>(Func<T> step)
    {
        lock (gate)
        {
            return Task.FromResult(step());
        }
    }

    private Lease? Claim(ClaimRequest request, string nonce) =>
        IsCached(request.Id) && LeaseOf(request.Id) is null && !IsToBeRenewed(request) ? null : NewLease(request.Id, nonce, isClaim: true);

    private bool IsToBeRenewed(ClaimRequest request) =>
        CachedProduct.TryRead(EntryOf(request.Id)?.Payload, out var entry) && request.Renews.Contains(EntryTimes.Of(entry));

    private bool IsCached(ProductId id) => EntryOf(id) is { } entry && format.Reads(entry.Payload);

    private Lease NewLease(ProductId id, string nonce, bool isClaim = false)
    {
        var token = $"{nonce}-{++executions}";
        leases[id] = new StoredLease(token, 0, isClaim, time.GetUtcNow() + LeaseLifetime);
        return new Lease(id, token, time.GetUtcNow().ToUnixTimeMilliseconds());
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

        entries[id] = new StoredEntry(fill.Entry.Payload, fill.Entry.Rank, Earlier(time.GetUtcNow() + fill.Entry.Lifetime + fill.KeptBeyond, fill.Entry.End));
        leases.Remove(id);
        return FillOutcome.Stored;
    }

    // No entry outlives the end of its content.
    private static DateTimeOffset Earlier(DateTimeOffset ends, long end) =>
        end > 0 && DateTimeOffset.FromUnixTimeMilliseconds(end) is var content && content < ends ? content : ends;

    private void RaiseFloor(ProductId id, long rank)
    {
        if (LeaseOf(id) is { } lease && lease.Floor < rank)
        {
            leases[id] = lease with { Floor = rank };
        }
    }

    private RefreshOutcome Renew(Refresh refresh)
    {
        var renewed = refresh.Entry;
        RaiseFloor(refresh.Id, renewed.Rank);
        var isMapped = renewed.Payload[0] == CachedProduct.MappedFormat;
        if (EntryOf(refresh.Id) is not { } entry || (entry.Rank == 0 && !isMapped) || entry.Rank >= renewed.Rank)
        {
            return RefreshOutcome.Current;
        }

        if (entry.Rank != refresh.StaleRank || FormatOf(entry.Payload) != FormatOf(renewed.Payload)
            || (isMapped && CachedProduct.TryRead(entry.Payload, out var replaced) && (replaced.IsAbsent != renewed.IsAbsent || replaced.IsUnreadable != renewed.IsUnreadable)))
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
        entries[refresh.Id] = new StoredEntry(payload, renewed.Rank, Earlier(entry.Ends, renewed.End));
        if (isMapped)
        {
            // One version may have two bodies: a fill under an older claim may have read the other one.
            RaiseFloor(refresh.Id, renewed.Rank + 1);
        }

        return RefreshOutcome.Replaced;
    }

    private ChangeResult Pass(Change change)
    {
        RaiseFloor(change.Id, change.Rank);

        var found = EntryOf(change.Id);
        if (found?.Rank - change.Rank > 2 * ProductVersion.MaxLead)
        {
            entries.Remove(change.Id);
            return new ChangeResult(ChangeOutcome.Removed, 0);
        }

        if (found is not { } entry || entry.Rank >= change.Rank || (entry.Rank == 0 && change.Deleted && entry.Payload.Length == CachedProduct.HeaderLength))
        {
            return new ChangeResult(ChangeOutcome.Current, 0);
        }

        if (format.IsMapped)
        {
            return new ChangeResult(ChangeOutcome.Stale, entry.Rank, time.GetUtcNow().ToUnixTimeMilliseconds());
        }

        if (entry.Rank == 0 || change.Deleted)
        {
            entries.Remove(change.Id);
            return new ChangeResult(ChangeOutcome.Removed, 0);
        }

        return new ChangeResult(ChangeOutcome.Stale, entry.Rank);
    }

    // An entry of a format that is read here and is not as we write it is removed by whatever step meets it.
    private StoredEntry? EntryOf(ProductId id)
    {
        if (!entries.TryGetValue(id, out var entry) || entry.Ends <= time.GetUtcNow())
        {
            return null;
        }

        if (format.Reads(entry.Payload) && !IsPlausible(entry))
        {
            entries.Remove(id);
            return null;
        }

        return entry;
    }

    // A compressed product is of the same kind as one that is not.
    private static byte FormatOf(byte[] payload) => payload[0] == CachedProduct.CompressedFormat ? CachedProduct.Format : payload[0];

    // The rules are the same for all formats so far: what differs is the first byte.
    private static bool IsPlausible(StoredEntry entry) =>
        CachedProduct.TryRead(
            entry.Payload[0] is CachedProduct.Format or CachedProduct.MappedFormat or CachedProduct.CompressedFormat
                ? entry.Payload
                : [CachedProduct.Format, .. entry.Payload.AsSpan(1)],
            out var read)
        && read.Rank == entry.Rank;

    private StoredLease? LeaseOf(ProductId id) =>
        leases.TryGetValue(id, out var lease) && lease.Ends > time.GetUtcNow() ? lease : null;

    public sealed record CacheState(StoredEntry? Entry, StoredLease? Lease, string History);

    public sealed record StoredEntry(byte[] Payload, long Rank, DateTimeOffset Ends);

    public sealed record StoredLease(string Token, long Floor, bool IsClaim, DateTimeOffset Ends);
}
