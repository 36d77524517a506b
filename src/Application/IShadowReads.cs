using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Compares a share of hits with the store, after their readers were answered.</summary>
public interface IShadowReads
{
    /// <summary>A reader was answered with this entry.</summary>
    void Hit(ProductId id, CachedProduct entry);
}
