using System.Diagnostics.CodeAnalysis;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Copies of entries in this process. Only this port reads them: IDistributedCache always reads the cache itself, and those reads create
/// the copies. A disabled near cache has no copies.
/// </summary>
public interface INearCache
{
    /// <summary>Reads a copy that no known change contradicts.</summary>
    bool TryGet(ProductId id, [NotNullWhen(true)] out CachedProduct? entry);

    /// <summary>Drops the copy because a newer entry is known. Reads in flight create no copy.</summary>
    void Forget(ProductId id);
}
