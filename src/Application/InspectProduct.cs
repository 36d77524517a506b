using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Looks a product up in all places at once: the near cache of each Api, the cache and the store. Nothing is filled, and no reader is counted.
/// </summary>
public sealed record InspectProduct(ProductId Id) : IRequest<ProductInspection>;

/// <param name="NearCopies">One for each Api that answered in time.</param>
/// <param name="Entry">What the cache holds.</param>
/// <param name="Row">What the store holds. Null: this process has no store.</param>
/// <param name="Finding">What the comparison says.</param>
public sealed record ProductInspection(IReadOnlyList<NearCopy> NearCopies, InspectedEntry Entry, InspectedRow? Row, Finding Finding);

/// <param name="Instance">The Api: see <see cref="InstanceReport.Id"/>.</param>
/// <param name="Version">Of the copy; 0: it says that the product is absent or unreadable. Null: there is no copy.</param>
/// <param name="Age">Since the entry was filled.</param>
public sealed record NearCopy(string Instance, long? Version, TimeSpan? Age);

/// <param name="Entry">Null: the product is not cached. Its age and lifetime are in it.</param>
/// <param name="ExpiresIn">When Redis removes the entry. Null: there is none.</param>
/// <param name="Lease">Null: the product is not requested.</param>
/// <param name="Fault">Why the entry could not be read. Null: it could.</param>
public sealed record InspectedEntry(CachedProduct? Entry, TimeSpan? ExpiresIn, InspectedLease? Lease, string? Fault = null);

/// <param name="IsClaim">Whether a Worker fills the product. Else a reader has requested it.</param>
/// <param name="Floor">The rank below which a row is too old for this fill.</param>
public sealed record InspectedLease(bool IsClaim, long Floor, TimeSpan ExpiresIn);

/// <param name="Product">Null: the store has no such product, or see <paramref name="Fault"/>.</param>
/// <param name="Fault">Why the row could not be read. Null: it could, or there is none.</param>
public sealed record InspectedRow(Product? Product, string? Fault = null)
{
    /// <summary>With a mapping, the version of an absent product.</summary>
    public long Version { get; init => field = Product?.Version ?? value; } = Product?.Version ?? 0;
}

/// <summary>What a comparison of the places says.</summary>
public enum Finding
{
    /// <summary>Every place that has the product has the version of the store.</summary>
    Same,

    /// <summary>The product is not cached; the next reader requests it.</summary>
    NotCached,

    /// <summary>A place has another version than the store. A change may be on its way: look again after a second.</summary>
    Different,

    /// <summary>The store could not be asked.</summary>
    Unknown,
}

/// <summary>Reads entries, leases and near copies as they are.</summary>
public interface ICacheInspection
{
    /// <exception cref="UnavailableException">The cache does not answer in time, or refuses.</exception>
    Task<InspectedEntry> ReadAsync(ProductId id, CancellationToken cancellationToken);

    /// <summary>Asks all Apis for their copies.</summary>
    /// <exception cref="UnavailableException">The cache does not answer in time, or refuses.</exception>
    Task<IReadOnlyList<NearCopy>> AskNearCachesAsync(ProductId id, CancellationToken cancellationToken);
}

/// <summary>Reads one row as it is.</summary>
public interface IStoreInspection
{
    Task<InspectedRow> ReadAsync(ProductId id, CancellationToken cancellationToken);
}

/// <param name="store">Null: this process has no store.</param>
public sealed class InspectProductHandler(ICacheInspection cache, IStoreInspection? store = null) : IRequestHandler<InspectProduct, ProductInspection>
{
    /// <exception cref="UnavailableException">The cache does not answer in time, or refuses.</exception>
    public async Task<ProductInspection> Handle(InspectProduct request, CancellationToken cancellationToken)
    {
        var asking = cache.AskNearCachesAsync(request.Id, cancellationToken);
        var reading = store?.ReadAsync(request.Id, cancellationToken);
        var entry = await cache.ReadAsync(request.Id, cancellationToken);
        var (copies, row) = (await asking, reading is null ? null : await reading);
        return new ProductInspection(copies, entry, row, FindingOf(copies, entry, row));
    }

    private static Finding FindingOf(IReadOnlyList<NearCopy> copies, InspectedEntry entry, InspectedRow? row)
    {
        List<long> cached = [.. copies.Select(copy => copy.Version).OfType<long>()];
        if (entry.Entry is { } found)
        {
            cached.Add(found.Version);
        }

        return cached.Count == 0 ? Finding.NotCached
            : row is null or { Fault: not null } ? Finding.Unknown
            : cached.TrueForAll(version => version == row.Version) ? Finding.Same
            : Finding.Different;
    }
}
