using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Model;

/// <summary>A cache whose keys can be taken away.</summary>
public interface IModelledCache
{
    IGuardedCache Guarded { get; }

    Task<byte[]?> ReadAsync(ProductId id);

    Task ExpireEntryAsync(ProductId id);

    Task ExpireLeaseAsync(ProductId id);

    /// <summary>As a Redis that starts again without data, as far as these products go.</summary>
    Task LoseAsync(IReadOnlyList<ProductId> ids);

    /// <summary>The command that returned this claim is executed a second time.</summary>
    Task ClaimAgainAsync(ClaimRequest request, Lease claim);
}
