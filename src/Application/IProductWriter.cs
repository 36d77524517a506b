using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>Identifies a creation, so that a repeated request does not create a second product.</summary>
/// <param name="Client">The client that chose the key: two clients may use the same key.</param>
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

    /// <summary>Committed; the product after the write.</summary>
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

    /// <summary>The database refused the write, by a constraint, a trigger of another owner or its encoding. Nothing was written.</summary>
    /// <param name="Reason">The error message of the database.</param>
    public sealed record Refused(string Reason) : WriteResult;

    /// <summary>Committed, but the row is not a valid product because a constraint of the table is missing.</summary>
    public sealed record Unreadable(string Reason) : WriteResult;

    /// <summary>The store did not answer in time, or cannot write now. It is unknown whether it has written.</summary>
    /// <param name="Reason">The error message of the store, without a full stop. Null: it did not answer.</param>
    public sealed record Unavailable(string? Reason) : WriteResult;
}

/// <summary>Writes to PostgreSQL and returns after the commit. Only the change path updates the caches.</summary>
public interface IProductWriter
{
    /// <param name="draft">Complete and valid.</param>
    Task<WriteResult> CreateAsync(ProductDraft draft, IdempotencyKey? key, CancellationToken cancellationToken);

    /// <param name="changes">Valid. A null member stays unchanged.</param>
    /// <param name="condition">Checked in the same step as the write. Null: any version is accepted.</param>
    Task<WriteResult> UpdateAsync(ProductId id, ProductDraft changes, VersionCondition? condition, CancellationToken cancellationToken);

    /// <inheritdoc cref="UpdateAsync"/>
    Task<WriteResult> DeleteAsync(ProductId id, VersionCondition? condition, CancellationToken cancellationToken);
}
