using System.Collections.Concurrent;
using System.Globalization;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Postgres;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Postgres;

public sealed class ChangeOutboxTests
{
    private TestDatabase database = null!;
    private ChangeOutbox outbox = null!;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        outbox = new ChangeOutbox(database.DataSource);
    }

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [SetUp]
    public Task EmptyAsync() => database.ExecuteAsync("DELETE FROM product_changes; DELETE FROM product_changes_parked");

    [Test]
    public async Task AChangeIsTakenAsItWasRecorded()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO product_changes (bulk, product_ids, versions, deleted, changed_at) VALUES
            (false, '{1,2}', '{10,20}', false, '2026-01-02T03:04:05.678901Z'), (false, '{3}', '{30}', true, '2026-01-02T03:04:06Z')
            """);

        await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);

        var first = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddMicroseconds(678_901);
        Assert.That(batch.Changes, Is.EqualTo(new[]
        {
            new RecordedChange("1", 10, Deleted: false, first),
            new RecordedChange("2", 20, Deleted: false, first),
            new RecordedChange("3", 30, Deleted: true, new DateTimeOffset(2026, 1, 2, 3, 4, 6, TimeSpan.Zero)),
        }));
    }

    [Test]
    public async Task ChangesCanBeReadWhileARelayHoldsThemAndOnlyOnce()
    {
        var position = new OutboxPosition();
        await RecordAsync(1, 2);
        await using var held = await outbox.TakeAsync(ChangeLane.Single, default);

        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 1L, 2L }));
        Assert.That(await ReadAsync(position), Is.Empty);
        await RecordAsync(3);
        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 3L }));
    }

    [Test]
    public async Task ARowThatIsCommittedAfterLaterRowsIsReadToo()
    {
        var position = new OutboxPosition();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var late = new NpgsqlCommand("INSERT INTO product_changes (bulk, product_ids, versions, deleted) VALUES (false, '{1}', '{10}', false)", connection);
        await late.ExecuteNonQueryAsync();
        await RecordAsync(2);
        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 2L }));
        await RecordAsync(3);
        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 3L }));
        Assert.That(await ReadAsync(position), Is.Empty);
        Assert.That(position.Floor, Is.Zero);

        await transaction.CommitAsync();

        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 1L }));
        await ReadAsync(position);
        Assert.That(position.Floor, Is.Positive);
    }

    // As after the restore of a backup: the numbers begin again.
    [Test]
    public async Task RowsOfARecreatedTableAreRead()
    {
        var position = new OutboxPosition();
        await RecordAsync(1, 2, 3);
        await ReadAsync(position);
        await ReadAsync(position);
        Assert.That(position.Floor, Is.Positive);

        await database.ExecuteAsync("TRUNCATE product_changes RESTART IDENTITY");
        await RecordAsync(4);

        Assert.That(await ReadAsync(position), Is.EqualTo(new[] { 4L }));
    }

    [Test]
    public async Task AnEmptyOutboxGivesAnEmptyBatch()
    {
        await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);

        Assert.That(batch.Changes, Is.Empty);
    }

    [Test]
    public async Task ACompletedBatchHasLeftTheOutbox()
    {
        await RecordAsync(1, 2);

        await using (var batch = await outbox.TakeAsync(ChangeLane.Single, default))
        {
            await RecordAsync(3);
            await batch.CompleteAsync([], default);
        }

        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 3L }));
    }

    [Test]
    public async Task ABatchThatIsOnlyDisposedGivesItsChangesBack()
    {
        await RecordAsync(1, 2);
        await using (await outbox.TakeAsync(ChangeLane.Single, default))
        {
        }

        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 1L, 2L }));
    }

    [Test]
    public async Task WhatOneRelayHoldsNoOtherOneGets()
    {
        await RecordAsync([.. Enumerable.Range(1, ChangeOutbox.MaxSingleRows + 1)]);
        await using var first = await outbox.TakeAsync(ChangeLane.Single, default);
        await using var second = await outbox.TakeAsync(ChangeLane.Single, default);
        await using var third = await outbox.TakeAsync(ChangeLane.Single, default);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(IdsOf(first), Is.EqualTo(Enumerable.Range(1, ChangeOutbox.MaxSingleRows)));
            Assert.That(IdsOf(second), Is.EqualTo(new[] { ChangeOutbox.MaxSingleRows + 1 }));
            Assert.That(IdsOf(third), Is.Empty);
        }
    }

    [Test]
    public async Task RelaysSideBySideTakeEveryChangeOnce()
    {
        const int changes = 1_500;
        await RecordAsync([.. Enumerable.Range(1, changes)]);
        ConcurrentBag<long> taken = [];

        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (taken.Count < changes)
            {
                await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);
                await batch.CompleteAsync([], default);
                foreach (var id in IdsOf(batch))
                {
                    taken.Add(id);
                }
            }
        }));

        Assert.That(taken.Order(), Is.EqualTo(Enumerable.Range(1, changes)));
    }

    [Test]
    public async Task ALaneDoesNotSeeTheOther()
    {
        await RecordAsync(1);
        await RecordBulkAsync(2);

        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 1L }));
        Assert.That(await TakeAsync(ChangeLane.Bulk), Is.EqualTo(new[] { 2L }));

        await using (var single = await outbox.TakeAsync(ChangeLane.Single, default))
        {
            await single.CompleteAsync([], default);
        }

        Assert.That(await TakeAsync(ChangeLane.Bulk), Is.EqualTo(new[] { 2L }));
    }

    [Test]
    public async Task ABatchIsLimitedAndTakesTheOldestFirst()
    {
        await RecordAsync([.. Enumerable.Range(1, ChangeOutbox.MaxSingleRows + 5)]);
        await RecordBulkAsync([.. Enumerable.Range(1, ChangeOutbox.MaxBulkRows + 5)]);

        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(Enumerable.Range(1, ChangeOutbox.MaxSingleRows)));
        Assert.That(await TakeAsync(ChangeLane.Bulk), Is.EqualTo(Enumerable.Range(1, ChangeOutbox.MaxBulkRows)));
    }

    [Test]
    public async Task ARefusedChangeIsParkedWithTheReason()
    {
        await RecordAsync(1, 2);

        await using (var batch = await outbox.TakeAsync(ChangeLane.Single, default))
        {
            await batch.CompleteAsync([new RefusedChange(batch.Changes[0], "It is too long.")], default);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await TakeAsync(ChangeLane.Single), Is.Empty);
            Assert.That(
                await database.QueryAsync<string>(
                    "SELECT string_agg(concat_ws(' ', product_id, version, deleted, changed_at = '2026-01-02T03:04:05Z', reason), '|') FROM product_changes_parked"),
                Is.EqualTo("1 10 f t It is too long."));
        }
    }

    [Test]
    public async Task NothingIsParkedByABatchThatIsNotCompleted()
    {
        await RecordAsync(1);
        await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);
        await EndConnectionOfBatchAsync();

        Assert.ThrowsAsync<UnavailableException>(() => batch.CompleteAsync([new RefusedChange(batch.Changes[0], "It is too long.")], default));
        Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM product_changes_parked"), Is.Zero);
        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task ADamagedRowGivesChangesWithoutAVersion()
    {
        await database.ExecuteAsync("INSERT INTO product_changes (bulk, product_ids, versions, deleted) VALUES (false, '{1,2}', '{10}', false)");

        await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);

        Assert.That(batch.Changes.Select(change => (change.Id, change.Version)), Is.EqualTo(new[] { ("1", 10L), ("2", 0L) }));
    }

    [Test]
    public async Task WhatWaitsIsCountedByChangesAndTheAgeIsThatOfTheOldest()
    {
        Assert.That(await outbox.MeasureAsync(default), Is.EqualTo(default(OutboxState)));

        await database.ExecuteAsync(
            """
            INSERT INTO product_changes (bulk, product_ids, versions, deleted, changed_at) VALUES
            (false, '{1,2}', '{10,20}', false, now()), (true, '{3,4,5}', '{30,40,50}', true, now() - interval '1 hour')
            """);
        await database.ExecuteAsync("INSERT INTO product_changes_parked (product_id, version, deleted, changed_at, reason) VALUES (0, 1, false, now(), 'Test')");

        var (depth, age, parked) = await outbox.MeasureAsync(default);
        Assert.That((depth, parked), Is.EqualTo((5L, 1L)));
        Assert.That(age, Is.GreaterThanOrEqualTo(TimeSpan.FromHours(1)).And.LessThan(TimeSpan.FromHours(2)));
    }

    [Test]
    public async Task AFrozenRelayLosesItsBatchToAnother()
    {
        await RecordAsync(1);
        await using var frozen = await new ChangeOutbox(database.DataSource, maxIdle: TimeSpan.FromMilliseconds(50)).TakeAsync(ChangeLane.Single, default);
        Assert.That(IdsOf(frozen), Is.EqualTo(new[] { 1L }));

        await Eventually.TrueAsync(async () => (await TakeAsync(ChangeLane.Single)).SequenceEqual([1L]), "the batch of the frozen relay is free");
        Assert.ThrowsAsync<UnavailableException>(() => frozen.CompleteAsync([], default));
        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task ABatchWhoseConnectionIsLostIsUnavailableAndComesAgain()
    {
        await RecordAsync(1);
        await using var batch = await outbox.TakeAsync(ChangeLane.Single, default);
        await EndConnectionOfBatchAsync();

        Assert.ThrowsAsync<UnavailableException>(() => batch.CompleteAsync([], default));
        Assert.That(await TakeAsync(ChangeLane.Single), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public async Task AServerThatDoesNotAnswerIsUnavailable()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Database=nothing;Timeout=2");
        var away = new ChangeOutbox(nowhere);

        Assert.ThrowsAsync<UnavailableException>(() => away.TakeAsync(ChangeLane.Single, default));
        Assert.ThrowsAsync<UnavailableException>(() => away.MeasureAsync(default));
    }

    [Test]
    public async Task ADatabaseWithoutTheTableIsUnavailable()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        var unmigrated = new ChangeOutbox(empty.DataSource);

        Assert.ThrowsAsync<UnavailableException>(() => unmigrated.TakeAsync(ChangeLane.Single, default));
        Assert.ThrowsAsync<UnavailableException>(() => unmigrated.MeasureAsync(default));
    }

    [Test]
    public void AStopIsNotTakenForAnOutage() =>
        Assert.CatchAsync<OperationCanceledException>(() => outbox.TakeAsync(ChangeLane.Single, new CancellationToken(canceled: true)));

    private static IEnumerable<long> IdsOf(ChangeBatch batch) => batch.Changes.Select(change => long.Parse(change.Id, CultureInfo.InvariantCulture));

    /// <summary>Each change in a row of its own, with ten times the id for a version.</summary>
    private Task RecordAsync(params IEnumerable<int> ids) => RecordAsync(ids, bulk: false);

    private Task RecordBulkAsync(params IEnumerable<int> ids) => RecordAsync(ids, bulk: true);

    private Task RecordAsync(IEnumerable<int> ids, bool bulk) => database.ExecuteAsync(
        """
        INSERT INTO product_changes (bulk, product_ids, versions, deleted, changed_at)
        SELECT $2, ARRAY[id], ARRAY[10 * id], false, '2026-01-02T03:04:05Z' FROM unnest($1::int[]) AS id
        """,
        ids.ToArray(),
        bulk);

    private async Task<long[]> ReadAsync(OutboxPosition position)
    {
        var page = await outbox.ReadAsync(ChangeLane.Single, position, default);
        position.Advance(page);
        return [.. page.Changes.Select(change => long.Parse(change.Id, CultureInfo.InvariantCulture))];
    }

    /// <summary>What is free, given back at once.</summary>
    private async Task<List<long>> TakeAsync(ChangeLane lane)
    {
        await using var batch = await outbox.TakeAsync(lane, default);
        return [.. IdsOf(batch)];
    }

    private async Task EndConnectionOfBatchAsync()
    {
        await database.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'");
        await Eventually.TrueAsync(() => database.QueryAsync<bool>(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"));
    }
}
