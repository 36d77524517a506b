using System.Collections.Immutable;

namespace ProductCache.Chaos.Mapped;

/// <summary>When a transaction was committed: at one moment between start and end.</summary>
/// <param name="Xid">0: before the run.</param>
/// <param name="Writer">The number of the transaction of a writer; 0: it is one of the service.</param>
internal sealed record CommitTime(ulong Xid, long Writer, TimeSpan Start, TimeSpan End)
{
    public static CommitTime BeforeTheRun { get; } = new(0, 0, TimeSpan.MinValue, TimeSpan.MinValue);

    /// <summary>Whether no moment is after the other commit and before this one.</summary>
    public bool IsNotAfter(CommitTime other) => Xid == other.Xid || End < other.Start;

    public override string ToString() => Xid == 0 ? "before the run" : string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"by {(Writer == 0 ? $"the service (xid {Xid})" : $"transaction {Writer} (xid {Xid})")}, committed at {Start.TotalSeconds:0.000}..{(End == TimeSpan.MaxValue ? "?" : $"{End.TotalSeconds:0.000}")} s");
}

/// <summary>The rows of one product, without its categories.</summary>
/// <param name="Write">Of the row of the product; 0: there is none.</param>
/// <param name="Prices">By id.</param>
/// <param name="Memberships">The write of each, by category.</param>
internal sealed record ProductRows(
    long Write, bool IsHidden, long Stock, ImmutableDictionary<long, (DateTime ValidFrom, long Write)> Prices, ImmutableSortedDictionary<long, long> Memberships)
{
    public static ProductRows None { get; } = new(
        0, false, 0, ImmutableDictionary<long, (DateTime ValidFrom, long Write)>.Empty, ImmutableSortedDictionary<long, long>.Empty);

    /// <summary>Readers find a product.</summary>
    public bool IsPresent => Write != 0 && !IsHidden;

    public ProductRows With(RowChange change) => change switch
    {
        // The stock of a product is deleted with it.
        { Table: ShopTable.Products, Write: 0 } => this with { Write = 0, Stock = 0 },
        { Table: ShopTable.Products } => this with { Write = change.Write, IsHidden = change.IsHidden },
        { Table: ShopTable.Stock } => this with { Stock = change.Write },
        { Table: ShopTable.Prices, Write: 0 } => this with { Prices = Prices.Remove(change.Key) },
        { Table: ShopTable.Prices } => this with { Prices = Prices.SetItem(change.Key, (change.ValidFrom, change.Write)) },
        { Table: ShopTable.Memberships, Write: 0 } => this with { Memberships = Memberships.Remove(change.Key) },
        { Table: ShopTable.Memberships } => this with { Memberships = Memberships.SetItem(change.Key, change.Write) },
        _ => this,
    };

    /// <summary>When the price with this write is valid. Null: there is none.</summary>
    /// <param name="write">0: the time before the first price.</param>
    public (DateTime From, DateTime End)? ValidityOf(long write)
    {
        if (write == 0)
        {
            return (DateTime.MinValue, Prices.Values.Select(price => price.ValidFrom).DefaultIfEmpty(DateTime.MaxValue).Min());
        }

        foreach (var price in Prices.Values.Where(price => price.Write == write))
        {
            return (price.ValidFrom, Prices.Values.Where(next => next.ValidFrom > price.ValidFrom).Select(next => next.ValidFrom).DefaultIfEmpty(DateTime.MaxValue).Min());
        }

        return null;
    }

    /// <summary>Whether a body shows these rows; prices and categories are judged elsewhere.</summary>
    public bool AreShownBy(Document document) =>
        IsPresent && document.Write == Write && document.Stock == Stock
        && document.Categories.Select(shown => (shown.Id, shown.Membership)).SequenceEqual(Memberships.Select(member => (member.Key, member.Value)));
}

/// <summary>A version of a product, and the rows at its commit.</summary>
/// <param name="Index">In the order of the versions.</param>
internal sealed record ProductVersion(long Product, long Version, int Index, ProductRows Rows, CommitTime Commit)
{
    public override string ToString() => $"product {Product} v{Version} {(Rows.IsPresent ? "present" : "absent")}, drawn {Commit}";
}

/// <param name="Write">0: it has no row.</param>
/// <param name="Index">In the order of the commits.</param>
internal sealed record CategoryState(long Category, long Write, int Index, CommitTime Commit);

/// <summary>
/// The committed past of all products and categories. A transaction that changes rows of a product holds the row of its versions when it
/// commits, so the order of the versions is that of the commits. Transactions that change one category wait for each other.
/// </summary>
internal sealed class ShopTimelines
{
    // Of the clock of the database, beside that of the run.
    private static readonly TimeSpan ClockError = TimeSpan.FromMilliseconds(5);

    private static readonly ProductVersion[] NoProduct = [new(0, 0, 0, ProductRows.None, CommitTime.BeforeTheRun)];

    private readonly Dictionary<long, ProductVersion[]> products = [];
    private readonly Dictionary<long, CategoryState[]> categories = [];
    private readonly List<(long Product, ShopTransaction Transaction)> withoutVersion = [];
    private readonly List<(DrawnVersion Version, DrawnVersion Later)> disordered = [];

    public ShopTimelines(IReadOnlyList<RowChange> firstRows, ShopHistory history)
    {
        var committed = history.Transactions.Where(transaction => transaction.Commit.Outcome == TransactionOutcome.Committed).ToList();
        var byXid = committed.ToDictionary(transaction => transaction.Xid);
        var changes = committed.ToDictionary(transaction => transaction.Xid, transaction => transaction.Changes.ToLookup(change => change.Product));
        var first = firstRows.Where(row => row.Product != 0).GroupBy(row => row.Product)
            .ToDictionary(rows => rows.Key, rows => rows.Aggregate(ProductRows.None, (all, row) => all.With(row)));
        HashSet<(long, ulong)> drawn = [];
        foreach (var versions in history.Versions.GroupBy(version => version.Product))
        {
            var rows = first.GetValueOrDefault(versions.Key, ProductRows.None);
            List<ProductVersion> states = [new(versions.Key, 0, 0, rows, CommitTime.BeforeTheRun)];
            DrawnVersion[] ordered = [.. versions.OrderBy(version => version.Version).ThenBy(version => version.At)];
            disordered.AddRange(
                from pair in versions.OrderBy(version => version.At).Zip(versions.OrderBy(version => version.At).Skip(1))
                where pair.First.Version >= pair.Second.Version
                select pair);
            for (var i = 0; i < ordered.Length; i++)
            {
                var (_, version, xid, at) = ordered[i];
                var writer = byXid.GetValueOrDefault(xid);
                if (writer is not null && drawn.Add((versions.Key, xid)))
                {
                    rows = changes[xid][versions.Key].Aggregate(rows, (all, change) => all.With(change));
                }

                // The next version is drawn after this commit, since the row of the versions is locked until then.
                var end = i + 1 < ordered.Length ? ordered[i + 1].At + ClockError : TimeSpan.MaxValue;
                states.Add(new ProductVersion(versions.Key, version, i + 1, rows, new CommitTime(
                    xid,
                    writer?.Commit.Number ?? 0,
                    writer?.Commit.Start ?? at - ClockError,
                    writer is not null && writer.Commit.End < end ? writer.Commit.End : end)));
            }

            products[versions.Key] = [.. states];
        }

        foreach (var (product, rows) in first)
        {
            products.TryAdd(product, [new(product, 0, 0, rows, CommitTime.BeforeTheRun)]);
        }

        withoutVersion.AddRange(
            from transaction in committed
            from product in transaction.Changes.Select(change => change.Product).Distinct()
            where product != 0 && !drawn.Contains((product, transaction.Xid))
            select (product, transaction));
        foreach (var states in firstRows.Where(row => row.Table == ShopTable.Categories).Select(row => (row, CommitTime.BeforeTheRun))
            .Concat(committed.SelectMany(CategoriesOf).OrderBy(change => change.Commit.Start))
            .GroupBy(change => change.Item1.Key))
        {
            categories[states.Key] = [.. states.Select((change, index) => new CategoryState(states.Key, change.Item1.Write, index, change.Item2))];
        }
    }

    /// <summary>All versions, from the lowest one on.</summary>
    public IEnumerable<ProductVersion> Versions => products.Values.SelectMany(versions => versions);

    /// <summary>Committed changes of products for which no version was drawn.</summary>
    public IReadOnlyList<(long Product, ShopTransaction Transaction)> WithoutVersion => withoutVersion;

    /// <summary>A version that was drawn before another one of its product, and is not smaller.</summary>
    public IReadOnlyList<(DrawnVersion Version, DrawnVersion Later)> Disordered => disordered;

    /// <summary>At least the one before the run.</summary>
    public IReadOnlyList<ProductVersion> Of(long product) => products.GetValueOrDefault(product, NoProduct);

    /// <returns>Null: it was not drawn.</returns>
    public ProductVersion? Of(long product, long version)
    {
        var versions = products.GetValueOrDefault(product, NoProduct);
        var (low, high) = (0, versions.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = versions[middle].Version < version ? (middle + 1, high) : (low, middle);
        }

        return low < versions.Length && versions[low].Version == version ? versions[low] : null;
    }

    public ProductVersion? NextOf(ProductVersion version) => Of(version.Product) is var all && version.Index + 1 < all.Count ? all[version.Index + 1] : null;

    public IReadOnlyList<CategoryState> OfCategory(long category) => categories.GetValueOrDefault(category, []);

    public CategoryState? NextOf(CategoryState state) => OfCategory(state.Category) is var all && state.Index + 1 < all.Count ? all[state.Index + 1] : null;

    // Only what a transaction leaves of a category is ever visible.
    private static IEnumerable<(RowChange Change, CommitTime Commit)> CategoriesOf(ShopTransaction transaction) =>
        from changes in transaction.Changes.Where(change => change.Table == ShopTable.Categories).GroupBy(change => change.Key)
        select (changes.Last(), new CommitTime(transaction.Xid, transaction.Commit.Number, transaction.Commit.Start, transaction.Commit.End));
}
