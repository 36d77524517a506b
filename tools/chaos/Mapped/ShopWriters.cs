using System.Collections.Concurrent;
using System.Data;
using Npgsql;

namespace ProductCache.Chaos.Mapped;

/// <summary>Random transactions over the tables of the shop, as its programs and people run them.</summary>
internal sealed class ShopWriters(ShopTables tables, Catalogue catalogue, TransactionLog log, RunClock clock, int seed)
{
    private const int Count = 8;
    private const int MaxPauseMilliseconds = 100;
    private const int MaxStatements = 5;
    private const int MaxProducts = 40;
    private const int RollBackOneIn = 10;
    private const int SavepointOneIn = 4;
    private const int HiddenOneIn = 5;
    private const int Moved = 50;

    /// <summary>One transaction in this many is open for a while between its statements, so that others commit meanwhile.</summary>
    private const int SlowOneIn = 3;

    private const int MaxRestMilliseconds = 50;

    /// <summary>The time between two changes of categories on which many products depend.</summary>
    private static readonly (int Min, int Max) FanOutMilliseconds = (500, 2_000);

    /// <summary>When a new price is valid, in seconds from now: less than the quiet time.</summary>
    private static readonly (double Min, double Max) PriceStarts = (-1, 6);

    /// <summary>While PostgreSQL is away.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentQueue<ShopTransaction> transactions = new();
    private long lastWrite = ShopTables.FirstWrites;

    public Task RunAsync(TimeSpan? truncateAt, CancellationToken cancellationToken) => Task.WhenAll(
        [.. Enumerable.Range(1, Count).Select(writer => WriteAsync(new Random(HashCode.Combine(seed, writer)), cancellationToken)),
            FanOutAsync(new Random(HashCode.Combine(seed, Count + 1)), cancellationToken),
            TruncateAsync(truncateAt, cancellationToken)]);

    /// <summary>All transactions with their outcomes.</summary>
    public async Task<IReadOnlyList<ShopTransaction>> ResolveAsync(CancellationToken cancellationToken)
    {
        var committed = await log.ReadAsync(cancellationToken);
        return [.. transactions.Select(transaction => new ShopTransaction(
            log.Resolve(transaction.Commit, committed), transaction.Changes, committed.GetValueOrDefault(transaction.Commit.Number)))];
    }

    private async Task WriteAsync(Random random, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var isRefusedOnly = await TransactAsync(
                async session =>
                {
                    var rests = random.Next(SlowOneIn) == 0;
                    for (var statements = random.Next(2) == 0 ? random.Next(2, MaxStatements + 1) : 1; statements > 0; statements--)
                    {
                        await (random.Next(SavepointOneIn) == 0
                            ? session.InSavepointAsync(() => WriteSomethingAsync(session, random), rollBack: random.Next(2) == 0)
                            : WriteSomethingAsync(session, random));
                        if (rests)
                        {
                            await Task.Delay(random.Next(MaxRestMilliseconds), cancellationToken);
                        }
                    }
                },
                rollBack: random.Next(RollBackOneIn) == 0,
                random.Next(12) switch { < 2 => IsolationLevel.RepeatableRead, 2 => IsolationLevel.Serializable, _ => IsolationLevel.ReadCommitted },
                cancellationToken);
            var pause = isRefusedOnly ? TimeSpan.FromMilliseconds(random.Next(MaxPauseMilliseconds)) : FailurePause;
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Every commit changes thousands of products, and some of them directly too.
    private async Task FanOutAsync(Random random, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(random.Next(FanOutMilliseconds.Min, FanOutMilliseconds.Max), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TransactAsync(
                async session =>
                {
                    var alsoProducts = random.Next(3);
                    if (alsoProducts == 0)
                    {
                        await session.UpdateProductsAsync(Several(random));
                    }

                    await session.RenameCategoryAsync(random.Next(3) > 0 ? ShopTables.Largest : ShopTables.Middle);
                    if (alsoProducts == 1)
                    {
                        await session.SetStockAsync(Several(random));
                        await session.RenameCategoryAsync(SmallCategory(random));
                    }
                },
                rollBack: random.Next(RollBackOneIn) == 0,
                IsolationLevel.ReadCommitted,
                cancellationToken);
        }
    }

    private async Task TruncateAsync(TimeSpan? at, CancellationToken cancellationToken)
    {
        if (at is null)
        {
            return;
        }

        await clock.UntilAsync(at.Value, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var isDone = false;
        while (!isDone && !cancellationToken.IsCancellationRequested)
        {
            await TransactAsync(
                async session =>
                {
                    await session.TruncateStockAsync();
                    isDone = true;
                },
                rollBack: false,
                IsolationLevel.ReadCommitted,
                cancellationToken);
            await Task.Delay(FailurePause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>False: PostgreSQL is away.</returns>
    private async Task<bool> TransactAsync(Func<ShopSession, Task> write, bool rollBack, IsolationLevel isolation, CancellationToken cancellationToken)
    {
        List<RowChange> changes = [];
        try
        {
            await log.RunAsync(
                connection => write(new ShopSession(connection, tables, changes, () => Interlocked.Increment(ref lastWrite), cancellationToken)),
                rollBack,
                commit =>
                {
                    transactions.Enqueue(new ShopTransaction(commit, changes));
                    if (commit.Outcome == TransactionOutcome.Committed)
                    {
                        catalogue.Freed(changes.Where(change => change is { Table: ShopTable.Products, Write: 0 }).Select(change => change.Product));
                    }
                },
                cancellationToken,
                isolation);
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return true;
        }
        catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation
            or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
        {
            // A part of the game.
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private async Task WriteSomethingAsync(ShopSession session, Random random)
    {
        switch (random.Next(100))
        {
            case < 18:
                await session.UpdateProductsAsync([catalogue.IdToWrite(random)]);
                break;
            case < 22:
                await session.UpdateProductsAsync(Several(random));
                break;
            case < 26:
                await session.PublishAsync(catalogue.IdToWrite(random), random.Next(HiddenOneIn) > 0);
                break;
            case < 36:
                await session.SetStockAsync([catalogue.IdToWrite(random)]);
                break;
            case < 40:
                await session.SetStockAsync(Several(random));
                break;
            case < 42:
                await session.RemoveStockAsync(catalogue.IdToWrite(random));
                break;
            case < 54:
                await session.PlanPriceAsync(catalogue.IdToWrite(random), PriceStart(random));
                break;
            case < 60:
                await session.ChangePricesAsync([catalogue.IdToWrite(random)]);
                break;
            case < 62:
                await session.ChangePricesAsync(Several(random));
                break;
            case < 65:
                await session.ChangePricesAsync([catalogue.IdToWrite(random)], PriceStart(random));
                break;
            case < 67:
                await session.RemovePricesAsync(catalogue.IdToWrite(random));
                break;
            case < 73:
                await session.JoinAsync([catalogue.IdToWrite(random)], random.Next(3) == 0 ? ShopTables.Largest : SmallCategory(random));
                break;
            case < 77:
                await session.LeaveAsync([catalogue.IdToWrite(random)], random.Next(3) == 0 ? ShopTables.Largest : SmallCategory(random));
                break;
            case < 78:
                await session.MoveAsync(SmallCategory(random), SmallCategory(random), Moved);
                break;
            case < 85:
                await DeleteAsync(session, catalogue.IdToWrite(random), random);
                break;
            case < 95:
                await InsertAsync(session, catalogue.FreeId(random), random);
                break;
            case < 98:
                await session.UpsertProductAsync(random.Next(3) == 0 ? catalogue.FreeId(random) : catalogue.IdToWrite(random));
                break;
            case 98:
                await session.RenameCategoryAsync(SmallCategory(random));
                break;
            default:
                await (random.Next(3) == 0 ? session.DeleteCategoryAsync(SmallCategory(random)) : session.UpsertCategoryAsync(SmallCategory(random)));
                break;
        }
    }

    // In any order, and perhaps only some of the tables.
    private static async Task DeleteAsync(ShopSession session, long number, Random random)
    {
        Func<Task>[] steps =
        [
            () => session.DeleteProductAsync(number),
            () => session.RemovePricesAsync(number),
            () => session.LeaveAsync([number], 0),
            () => session.RemoveStockAsync(number),
        ];
        var count = random.Next(2) == 0 ? 1 : steps.Length;
        if (count > 1)
        {
            random.Shuffle(steps);
        }

        foreach (var step in steps[..count])
        {
            await step();
        }
    }

    private static async Task InsertAsync(ShopSession session, long number, Random random)
    {
        Func<Task>[] steps =
        [
            async () =>
            {
                await session.InsertProductAsync(number);
                await session.SetStockAsync([number]);
            },
            () => session.PlanPriceAsync(number, PriceStarts.Min),
            () => session.PlanPriceAsync(number, PriceStart(random)),
            () => session.JoinAsync([number], ShopTables.Largest),
            () => session.JoinAsync([number], SmallCategory(random)),
        ];
        random.Shuffle(steps);
        foreach (var step in steps)
        {
            await step();
        }
    }

    private static double PriceStart(Random random) => PriceStarts.Min + (random.NextDouble() * (PriceStarts.Max - PriceStarts.Min));

    private static long SmallCategory(Random random) => random.NextInt64(ShopTables.Middle + 1, ShopTables.Last + 1);

    private long[] Several(Random random) => [.. Enumerable.Range(0, random.Next(2, MaxProducts)).Select(_ => catalogue.IdToWrite(random)).Distinct()];
}
