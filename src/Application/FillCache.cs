using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Reads requested products from the store and fills the cache with them, in one query per round.</summary>
/// <remarks>
/// For the built-in table: throws <see cref="UnreadableProductException"/> at the end if a row is not a valid product. If it was requested alone, the reason is
/// cached for its readers. If it was requested with others, the valid ones are filled.
/// </remarks>
public sealed record FillCache(IReadOnlyCollection<FillRequest> Requests) : IRequest<FillCacheResult>;

/// <param name="Renews">The entry to refill although it is cached. Null: the product is read only if it is not cached.</param>
public readonly record struct FillRequest(ProductId Id, EntryTimes? Renews = null);

/// <param name="Stored">Products and negative entries written.</param>
/// <param name="AlreadyThere">Requests for products that were cached already; nothing was read for them.</param>
/// <param name="Refused">Rows that were read but not stored: another Worker took over, or the claim expired.</param>
/// <param name="GivenUp">Products that changed at every attempt; the next reader requests them again.</param>
public sealed record FillCacheResult(int Stored, int AlreadyThere, int Refused, int GivenUp);

public sealed class FillCacheHandler(
    IGuardedCache cache,
    IProductStore store,
    ICacheNotifications notifications,
    CacheLifetimes lifetimes,
    NegativeCachingPolicy absences,
    TimeProvider time,
    Random random,
    EntryFormat? format = null)
    : IRequestHandler<FillCache, FillCacheResult>
{
    /// <summary>How often a product is claimed and read when it changes at every attempt.</summary>
    public const int MaxAttempts = 3;

    public async Task<FillCacheResult> Handle(FillCache request, CancellationToken cancellationToken)
    {
        // Any of several requests for one product may name the cached entry.
        List<ClaimRequest> pending =
            [.. request.Requests.ToLookup(one => one.Id, one => one.Renews).Select(all => new ClaimRequest(all.Key, [.. all.OfType<EntryTimes>().Distinct()]))];
        List<ProductId> answered = new(pending.Count);
        List<Lease> outdated = [];
        Dictionary<ProductId, string> unreadable = [];

        // Of a mapping, a product that cannot be read is a state like any other: its reason is cached, and no record is at fault.
        var isMapped = format is { IsMapped: true };
        var isAlone = pending.Count == 1 || isMapped;
        int stored = 0, alreadyThere = 0, refused = 0;

        for (var attempt = 1; attempt <= MaxAttempts && pending.Count > 0; attempt++)
        {
            var claims = await cache.ClaimAsync(pending, cancellationToken);
            var claimed = claims.OfType<Lease>().ToList();
            alreadyThere += pending.Count - claimed.Count;
            answered.AddRange(pending.Where((_, i) => claims[i] is null).Select(claim => claim.Id));
            outdated.Clear();
            if (claimed.Count == 0)
            {
                pending.Clear();
                break;
            }

            // The statement begins after the claim: a change that it does not see raises the floor of the lease.
            var read = await store.ReadAsync([.. claimed.Select(claim => claim.Id)], cancellationToken);
            foreach (var claim in claimed)
            {
                // The last attempt counts: the row may have changed since the previous one.
                unreadable.Remove(claim.Id);
                if (read.Unreadable.TryGetValue(claim.Id, out var reason))
                {
                    unreadable[claim.Id] = reason;
                }
            }

            if (!isAlone)
            {
                // Their requests are retried one by one.
                claimed.RemoveAll(claim => read.Unreadable.ContainsKey(claim.Id));
            }

            var outcomes = await cache.FillAsync([.. claimed.Select(claim => FillOf(claim, read))], cancellationToken);
            for (var i = 0; i < claimed.Count; i++)
            {
                switch (outcomes[i])
                {
                    case FillOutcome.Stored:
                        stored++;
                        answered.Add(claimed[i].Id);
                        break;
                    case FillOutcome.Refused:
                        refused++;
                        break;
                    case FillOutcome.Outdated:
                        outdated.Add(claimed[i]);
                        break;
                }
            }

            var again = outdated.Select(claim => claim.Id).ToHashSet();
            pending = [.. pending.Where(claim => again.Contains(claim.Id))];
        }

        if (outdated.Count > 0)
        {
            await cache.ReleaseAsync(outdated, cancellationToken);
        }

        if (answered.Count > 0)
        {
            await notifications.FilledAsync(answered, cancellationToken);
        }

        if (unreadable.Count > 0 && !isMapped)
        {
            throw new UnreadableProductException(isAlone
                ? $"Product {unreadable.Keys.Single()} cannot be read: {unreadable.Values.Single()}"
                : $"{unreadable.Count} products cannot be read.");
        }

        return new FillCacheResult(stored, alreadyThere, refused, outdated.Count);
    }

    private Fill FillOf(Lease claim, StoreRead read)
    {
        var now = time.GetUtcNow();
        if (read.Products.TryGetValue(claim.Id, out var product))
        {
            return new Fill(claim, CachedProduct.Of(product, now, lifetimes.Of(lifetimes.Product, random), format, EndOf(claim.At, product.ValidFor)), lifetimes.Stale);
        }

        var (version, validFor) = read.AbsenceOf(claim.Id);
        return new Fill(claim, read.Unreadable.TryGetValue(claim.Id, out var reason)
            ? CachedProduct.Unreadable(reason, now, absences.NextLifetime(), format, version)
            : CachedProduct.Absent(now, absences.NextLifetime(), format, version, EndOf(claim.At, validFor)));
    }

    /// <summary>
    /// When the content ends, by the clock of the cache. The store has counted from the begin of its statement, which was after the step that
    /// the cache took at this time: so the end is never too late, and no clocks are compared.
    /// </summary>
    internal static long EndOf(long at, TimeSpan? validFor) => validFor is { } left ? Math.Max(at + (long)left.TotalMilliseconds, 1) : 0;
}
