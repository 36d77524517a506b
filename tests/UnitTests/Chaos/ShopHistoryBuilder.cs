using ProductCache.Chaos;
using ProductCache.Chaos.Mapped;

namespace ProductCache.UnitTests.Chaos;

/// <summary>A history with a mapping, made by hand. Before the run there are a product, its stock, its price and its category, all of them of the write 1.</summary>
internal sealed class ShopHistoryBuilder
{
    public const long Id = 7;
    public const long Category = 3;

    private const double Duration = 0.1;

    private static readonly DateTime Begin = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly RowChange[] FirstRows = [Product(1), Stock(1), Price(1, 1, -1_000), Membership(1), OfCategory(1)];

    private readonly List<ShopTransaction> transactions = [];
    private readonly List<DrawnVersion> versions = [];
    private readonly List<ShopRead> reads = [];
    private ulong lastXid = 100;

    public ShopHistory History => new(new History([], [.. reads.Select(read => read.Answer)], [], [], [], [], []), transactions, versions, reads);

    public ShopTimelines Timelines => new(FirstRows, History);

    public static RowChange Product(long write, bool hidden = false) => new(ShopTable.Products, Id, 0, write) { IsHidden = hidden };

    public static RowChange Stock(long write) => new(ShopTable.Stock, Id, 0, write);

    public static RowChange Price(long key, long write, double from) => new(ShopTable.Prices, Id, key, write) { ValidFrom = Begin + HistoryBuilder.Seconds(from) };

    public static RowChange Membership(long write) => new(ShopTable.Memberships, Id, Category, write);

    public static RowChange OfCategory(long write) => new(ShopTable.Categories, 0, Category, write);

    /// <param name="version">The version that it draws for the product; 0: it draws none.</param>
    /// <param name="drawnAt">Null: when it commits.</param>
    public ShopHistoryBuilder Commits(double at, long version, RowChange[] changes, double? drawnAt = null) => Ends(TransactionOutcome.Committed, at, version, changes, drawnAt: drawnAt);

    public ShopHistoryBuilder Ends(TransactionOutcome outcome, double at, long version, RowChange[] changes, string? refusal = null, double? drawnAt = null)
    {
        lastXid++;
        transactions.Add(new ShopTransaction(
            new Commit(transactions.Count + 1, outcome, HistoryBuilder.Seconds(at), HistoryBuilder.Seconds(at + Duration), refusal), changes, lastXid));
        return version == 0 ? this : Draws(version, drawnAt ?? at, lastXid);
    }

    /// <summary>The service draws a version.</summary>
    public ShopHistoryBuilder Expands(double at, long version) => Draws(version, at, ++lastXid);

    public ShopHistoryBuilder Reads(double at, long version, Document document, bool fresh = false, int client = 1) => Answers(at, 200, version, document, fresh, client);

    public ShopHistoryBuilder ReadsAbsence(double at) => Answers(at, 404, 0, null);

    /// <summary>A body with these writes.</summary>
    public static Document Body(long write = 1, long stock = 1, long price = 1, long category = 1, long membership = 1) =>
        new(write, stock, price, [new ShownCategory(Category, membership, category)]);

    private ShopHistoryBuilder Answers(double at, int status, long version, Document? document, bool fresh = false, int client = 1)
    {
        var answer = new Read(
            client, 1, 1, Id, HistoryBuilder.Seconds(at), HistoryBuilder.Seconds(at + Duration), TimeSpan.Zero, status, version, 0, Source.Redis, false, ReadFailure.None, fresh);
        reads.Add(new ShopRead(answer, Begin + answer.Start, Begin + answer.End, document));
        return this;
    }

    private ShopHistoryBuilder Draws(long version, double at, ulong xid)
    {
        versions.Add(new DrawnVersion(Id, version, xid, HistoryBuilder.Seconds(at)));
        return this;
    }
}
