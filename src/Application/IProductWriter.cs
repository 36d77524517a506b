using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Names a creation, so that a repeated request creates nothing twice.</summary>
/// <param name="Client">Whose key it is: two clients may use the same one.</param>
public sealed record IdempotencyKey(string Client, string Key)
{
    public const int MaxLength = 255;

    /// <summary>How long a key is kept. After it, a repeated request creates another product.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);
}

/// <summary>The closed set of outcomes of a write.</summary>
public abstract record WriteResult
{
    private WriteResult()
    {
    }

    /// <summary>Committed; the product as it is now.</summary>
    public sealed record Written(Product Product) : WriteResult;

    /// <summary>Committed; the product is gone.</summary>
    public sealed record Deleted : WriteResult
    {
        public static readonly Deleted Instance = new();
    }

    /// <summary>There is no such product. Nothing was written.</summary>
    public sealed record Absent : WriteResult
    {
        public static readonly Absent Instance = new();
    }

    /// <summary>The version of the product does not meet the writer's condition. Nothing was written.</summary>
    public sealed record OtherVersion(ProductVersion Current) : WriteResult;

    /// <summary>The idempotency key was used for another product. Nothing was written.</summary>
    public sealed record KeyReused : WriteResult
    {
        public static readonly KeyReused Instance = new();
    }

    /// <summary>The database refuses the write: a constraint or a trigger of another owner, or its encoding. Nothing was written.</summary>
    /// <param name="Reason">What the database said.</param>
    public sealed record Refused(string Reason) : WriteResult;

    /// <summary>Committed; but the row is no valid product, because a constraint of the table is missing.</summary>
    public sealed record Unreadable(string Reason) : WriteResult;

    /// <summary>The store did not answer in time, or cannot write now. Whether it has written is not known.</summary>
    /// <param name="Reason">What the store answered, without a full stop. Null: it is silent.</param>
    public sealed record Unavailable(string? Reason) : WriteResult;
}

/// <summary>Writes to PostgreSQL and returns after the commit. The change path brings it to the caches: nobody else touches them.</summary>
public interface IProductWriter
{
    /// <param name="draft">A whole, valid one.</param>
    Task<WriteResult> CreateAsync(ProductDraft draft, IdempotencyKey? key, CancellationToken cancellationToken);

    /// <param name="changes">Valid; what it does not say stays as it is.</param>
    /// <param name="condition">Decided in the same step as the write. Null: any version is written.</param>
    Task<WriteResult> UpdateAsync(ProductId id, ProductDraft changes, VersionCondition? condition, CancellationToken cancellationToken);

    /// <inheritdoc cref="UpdateAsync"/>
    Task<WriteResult> DeleteAsync(ProductId id, VersionCondition? condition, CancellationToken cancellationToken);
}
