namespace ProductCache.Client;

/// <summary>What is known of a product.</summary>
public enum ProductStatus
{
    /// <summary>The event has the product.</summary>
    Current,

    /// <summary>There is no such product.</summary>
    Absent,

    /// <summary>The row of the product is not valid.</summary>
    Unreadable,

    /// <summary>It has changed, and could not be read in time: read it.</summary>
    Unknown,

    /// <summary>No product: from now on changes arrive.</summary>
    Sure,

    /// <summary>No product: changes may be missed now. They follow when the stream is sure again.</summary>
    Unsure,

    /// <summary>No product: changes were missed. What earlier events said may be old.</summary>
    Reset,
}

/// <summary>The state of a product, or of the stream.</summary>
/// <param name="Id">Empty: the state of the stream.</param>
/// <param name="Entry">For <see cref="ProductStatus.Current"/>, else null.</param>
public sealed record ProductEvent<T>(string Id, ProductStatus Status, ProductEntry<T>? Entry = null);
