namespace ProductCache.Chaos.Mapped;

internal enum ShopTable
{
    Products,
    Prices,
    Stock,
    Categories,
    Memberships,
}

/// <summary>A row as a statement left it.</summary>
/// <param name="Product">The number of the product; 0: a category.</param>
/// <param name="Key">The id of a price or of a category, else 0.</param>
/// <param name="Write">The number of the write, which the row has; 0: it was deleted.</param>
internal readonly record struct RowChange(ShopTable Table, long Product, long Key, long Write)
{
    /// <summary>Of a price.</summary>
    public DateTime ValidFrom { get; init; }

    /// <summary>Of a product.</summary>
    public bool IsHidden { get; init; }
}

/// <param name="Changes">In the order of its statements, without those of savepoints that were rolled back.</param>
/// <param name="Xid">Its id in PostgreSQL; 0: it did not commit, or it is the one before the run.</param>
internal sealed record ShopTransaction(Commit Commit, IReadOnlyList<RowChange> Changes, ulong Xid = 0);

/// <summary>A transaction has drawn this version of a product.</summary>
/// <param name="At">When it was drawn: soon before the commit.</param>
internal readonly record struct DrawnVersion(long Product, long Version, ulong Xid, TimeSpan At);

/// <summary>What a body shows: the numbers of the writes of its rows.</summary>
/// <param name="Stock">0: it has no row.</param>
/// <param name="Price">0: no price is valid.</param>
/// <param name="Categories">In the order of their ids.</param>
internal sealed record Document(long Write, long Stock, long Price, IReadOnlyList<ShownCategory> Categories)
{
    public bool Equals(Document? other) =>
        other is not null && (Write, Stock, Price) == (other.Write, other.Stock, other.Price) && Categories.SequenceEqual(other.Categories);

    public override int GetHashCode() => HashCode.Combine(Write, Stock, Price, Categories.Count);

    public override string ToString() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{{product w{Write}, stock w{Stock}, price w{Price}, categories {string.Join(' ', Categories.Select(shown => $"{shown.Id}:w{shown.Membership}/w{shown.Write}"))}}}");
}

/// <param name="Membership">The write of the row that puts the product into the category.</param>
/// <param name="Write">Of the category; 0: it has no row.</param>
internal readonly record struct ShownCategory(long Id, long Membership, long Write);

/// <param name="Answer">Version and status of the answer.</param>
/// <param name="Asked">By the clock of the machine, before the request was sent.</param>
/// <param name="Answered">By the clock of the machine, when the answer was there.</param>
/// <param name="Document">Null: no body, or one that is no document.</param>
internal sealed record ShopRead(Read Answer, DateTime Asked, DateTime Answered, Document? Document);

/// <param name="Common">Faults and the machine, and all answers.</param>
/// <param name="Versions">Of all products.</param>
internal sealed record ShopHistory(
    History Common, IReadOnlyList<ShopTransaction> Transactions, IReadOnlyList<DrawnVersion> Versions, IReadOnlyList<ShopRead> Reads);

/// <summary>A product in a store or a cache.</summary>
/// <param name="Document">Null: it is absent.</param>
internal readonly record struct ShopEntry(long Id, long Version, Document? Document, string Where);

/// <summary>What is where after the quiet time.</summary>
/// <param name="Stored">Of all products that a reader may have requested, the document that the tables give, and the version.</param>
/// <param name="Cached">Entries of Redis, and what the Apis answered.</param>
/// <param name="Leftovers">What is not as it should be in the schema of the service, one sentence each.</param>
internal sealed record ShopState(
    TimeSpan At,
    IReadOnlyDictionary<long, ShopEntry> Stored,
    IReadOnlyList<ShopEntry> Cached,
    IReadOnlyList<ProductEvent> Events,
    IReadOnlyList<ForgottenEvents> Forgotten,
    IReadOnlyList<string> DeadLetters,
    IReadOnlyList<string> Leftovers);
