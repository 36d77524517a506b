using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The versions of a product for which a write is allowed. The store checks it in the same step as the write.</summary>
/// <param name="OneOf">The version must be one of these; an empty list allows no version. Null: any version.</param>
/// <param name="NoneOf">The version must not be one of these. Null: any version.</param>
public sealed record VersionCondition(IReadOnlyList<ProductVersion>? OneOf = null, IReadOnlyList<ProductVersion>? NoneOf = null)
{
    /// <summary>No existing product meets the condition.</summary>
    public bool IsNever => OneOf is { Count: 0 };

    public bool Allows(ProductVersion version) => OneOf?.Contains(version) != false && NoneOf?.Contains(version) != true;
}
