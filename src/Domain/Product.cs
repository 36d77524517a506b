namespace ProductCache.Domain;

/// <summary>A product as the store has it.</summary>
/// <param name="Version">Of two states of a product, the one with the larger version is the newer one. 0: nothing has touched the product since the triggers were installed.</param>
/// <param name="Json">What readers get: a JSON object in UTF-8 without white space, at most <see cref="MaxLength"/> long.</param>
public sealed record Product(ProductId Id, long Version, ReadOnlyMemory<byte> Json)
{
    /// <summary>In bytes.</summary>
    public const int MaxLength = 1024 * 1024;

    /// <summary>How long the content stays right although nothing changes, from the begin of the statement that read it. Null: until a change.</summary>
    public TimeSpan? ValidFor { get; init; }

    /// <summary>Names under which caches in front of this service know the product.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    public bool Equals(Product? other) => other is not null && Id == other.Id && Version == other.Version && Json.Span.SequenceEqual(other.Json.Span);

    public override int GetHashCode() => HashCode.Combine(Id, Version);
}
