using System.Diagnostics.CodeAnalysis;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// Copies of entries in this process, and the only way to read one: IDistributedCache always asks the cache itself, and its reads make
/// the copies. A near cache that is switched off has none.
/// </summary>
public interface INearCache
{
    /// <summary>A copy that no change is known to contradict.</summary>
    bool TryGet(ProductId id, [NotNullWhen(true)] out CachedProduct? entry);

    /// <summary>Drops the copy: a newer entry is known. Reads that are on their way make none.</summary>
    void Forget(ProductId id);
}
