using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>What the version of a product must be for a write to happen. The store decides it in the same step as the write.</summary>
/// <param name="OneOf">The version must be one of these; an empty list allows no version. Null: any version.</param>
/// <param name="NoneOf">The version must not be one of these. Null: any version.</param>
public sealed record VersionCondition(IReadOnlyList<ProductVersion>? OneOf = null, IReadOnlyList<ProductVersion>? NoneOf = null)
{
    /// <summary>No write of an existing product meets it.</summary>
    public bool IsNever => OneOf is { Count: 0 };

    public bool Allows(ProductVersion version) => OneOf?.Contains(version) != false && NoneOf?.Contains(version) != true;
}
