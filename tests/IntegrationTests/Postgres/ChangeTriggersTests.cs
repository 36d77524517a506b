using System.Globalization;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Infrastructure.Postgres;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Postgres;

/// <summary>What each kind of write leaves in the outbox.</summary>
public sealed class ChangeTriggersTests
{
    /// <summary>Beyond it a notification is taken for lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private TestDatabase database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync() => database = await TestDatabase.CreateMigratedAsync();

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [SetUp]
    public Task EmptyAsync() => database.ExecuteAsync("DELETE FROM products; DELETE FROM product_changes");

    [Test]
    public async Task AnInsertIsRecordedWithItsVersion()
    {
        await InsertAsync(1);

        Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(1) }));
    }

    [Test]
    public async Task AnInsertOfSeveralRowsIsOneRowOfTheOutbox()
    {
        await InsertAsync(1, 2, 3);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(2), await UpsertOfAsync(3) }));
            Assert.That(await OutboxRowsAsync(), Is.EqualTo(new[] { (Bulk: false, Changes: 3) }));
        }
    }

    [Test]
    public async Task TheTimeOfAChangeIsThatOfItsTransaction()
    {
        await InsertAsync(1);

        Assert.That(
            await database.QueryAsync<bool>("SELECT (SELECT changed_at FROM product_changes) = (SELECT updated_at FROM products WHERE id = 1)"),
            Is.True);
    }

    [Test]
    public async Task AnUpdateIsRecordedWithTheNewVersion()
    {
        var (before, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync("UPDATE products SET price = 2 WHERE id = 1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(1) }));
            Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(before));
        }
    }

    [Test]
    public async Task ADeletionIsRecordedWithTheVersionOfTheDeletedRow()
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync("DELETE FROM products WHERE id = 1");

        Assert.That(await ChangesAsync(), Is.EqualTo(new[] { Deletion(1, version) }));
    }

    [TestCase("UPDATE products SET price = 2 WHERE id = 99")]
    [TestCase("DELETE FROM products WHERE id = 99")]
    [TestCase("INSERT INTO products (name, price) SELECT name, price FROM products WHERE id = 99")]
    public async Task AStatementThatMeetsNoRowRecordsNothing(string sql)
    {
        await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(sql);

        Assert.That(await OutboxRowsAsync(), Is.Empty);
    }

    [Test]
    public async Task AnInsertThatBecomesAnUpdateIsRecordedOnceForEachRow()
    {
        var (before, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(
            "INSERT INTO products (id, name, price) VALUES (1, 'Tea', 2), (3, 'Tea', 2) ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(3) }));
            Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(before));
        }
    }

    [Test]
    public async Task AnInsertThatDoesNothingOnConflictRecordsOnlyWhatItInserts()
    {
        var (before, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 2), (3, 'Tea', 2) ON CONFLICT DO NOTHING");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(3) }));
            Assert.That(await UpsertOfAsync(1), Is.EqualTo(Upsert(1, before)));
        }
    }

    [Test]
    public async Task EachBranchOfAMergeIsRecorded()
    {
        var (first, second) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(
            """
            MERGE INTO products USING (VALUES (1, 'gone'), (2, 'new name'), (3, 'new row')) AS source (id, name) ON products.id = source.id
            WHEN MATCHED AND source.name = 'gone' THEN DELETE
            WHEN MATCHED THEN UPDATE SET name = source.name
            WHEN NOT MATCHED THEN INSERT (id, name, price) VALUES (source.id, source.name, 1)
            """);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                await ChangesAsync(),
                Is.EquivalentTo(new[] { Deletion(1, first), await UpsertOfAsync(2), await UpsertOfAsync(3) }));
            Assert.That((await UpsertOfAsync(2)).Version, Is.GreaterThan(second));
        }
    }

    [Test]
    public async Task CopiedTextIsRecorded()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using (var copy = await connection.BeginTextImportAsync("COPY products (id, name, price) FROM STDIN"))
        {
            await copy.WriteAsync("1\tTea\t1\n2\tCoffee\t2\n");
        }

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(2) }));
    }

    [Test]
    public async Task CopiedBinaryRowsAreRecorded()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using (var copy = await connection.BeginBinaryImportAsync("COPY products (id, name, price) FROM STDIN (FORMAT BINARY)"))
        {
            for (var id = 1L; id <= 3; id++)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(id, NpgsqlDbType.Bigint);
                await copy.WriteAsync("Tea", NpgsqlDbType.Text);
                await copy.WriteAsync(1m, NpgsqlDbType.Numeric);
            }

            await copy.CompleteAsync();
        }

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(2), await UpsertOfAsync(3) }));
    }

    [TestCase("TRUNCATE products")]
    [TestCase("TRUNCATE products RESTART IDENTITY")]
    [TestCase("TRUNCATE products CASCADE")]
    public async Task ATruncateIsRecordedAsADeletionOfEveryRow(string truncate)
    {
        var (first, second) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(truncate);

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { Deletion(1, first), Deletion(2, second) }));
    }

    [Test]
    public async Task ATruncateOfAnEmptyTableRecordsNothing()
    {
        await database.ExecuteAsync("TRUNCATE products");

        Assert.That(await OutboxRowsAsync(), Is.Empty);
    }

    [Test]
    public async Task VersionsDoNotBeginAnewWhereIdsDo()
    {
        var (_, before) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync("TRUNCATE products RESTART IDENTITY; INSERT INTO products (name, price) VALUES ('first again', 1)");

        Assert.That(await database.QueryAsync<long>("SELECT version FROM products WHERE id = 1"), Is.GreaterThan(before));
    }

    [TestCase("REPEATABLE READ")]
    [TestCase("SERIALIZABLE")]
    public async Task ATruncateThatCannotSeeEveryRowIsRefused(string isolation)
    {
        await InsertAndForgetAsync(1, 2);

        var refusal = Assert.ThrowsAsync<PostgresException>(
            () => database.ExecuteAsync($"BEGIN ISOLATION LEVEL {isolation}; TRUNCATE products; COMMIT"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refusal!.SqlState, Is.EqualTo(PostgresErrorCodes.FeatureNotSupported));
            Assert.That(refusal.MessageText, Is.EqualTo("TRUNCATE of products needs the isolation level READ COMMITTED"));
            Assert.That(await OutboxRowsAsync(), Is.Empty);
            Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM products"), Is.EqualTo(2));
        }
    }

    [TestCase("UPDATE products SET id = 11 WHERE id = 1")]
    [TestCase("INSERT INTO products (id, name, price) VALUES (1, 'x', 1) ON CONFLICT (id) DO UPDATE SET id = 11")]
    [TestCase("MERGE INTO products USING (VALUES (1)) AS source (id) ON products.id = source.id WHEN MATCHED THEN UPDATE SET id = 11")]
    public async Task AnotherIdIsADeletionOfTheOldOneAndAnUpsertOfTheNew(string sql)
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(sql);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { Deletion(1, version), await UpsertOfAsync(11) }));
            Assert.That((await UpsertOfAsync(11)).Version, Is.GreaterThan(version));
        }
    }

    [Test]
    public async Task AnUpdateThatChangesNothingIsNotRecordedButCountsItsRows()
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);

        var counted = await database.ExecuteAsync("UPDATE products SET name = name, price = 1.00 WHERE id = 1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(counted, Is.EqualTo(1));
            Assert.That(await OutboxRowsAsync(), Is.Empty);
            Assert.That(await UpsertOfAsync(1), Is.EqualTo(Upsert(1, version)));
        }
    }

    [Test]
    public async Task OfAnUpdateOnlyTheRowsThatItChangesAreRecorded()
    {
        var (_, untouched) = await InsertAndForgetAsync(1, 2);
        await database.ExecuteAsync("UPDATE products SET price = 5 WHERE id = 1; DELETE FROM product_changes");

        var counted = await database.ExecuteAsync("UPDATE products SET price = 1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(counted, Is.EqualTo(2));
            Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(1) }));
            Assert.That(await UpsertOfAsync(2), Is.EqualTo(Upsert(2, untouched)));
        }
    }

    /// <summary>The trigger names the columns one by one: a new one has to be added to it.</summary>
    [Test]
    public async Task ADifferenceInAnyColumnIsAChange() => Assert.That(
        await database.QueryAsync<string>(
            """
            SELECT coalesce(string_agg(attname, ', '), '') FROM pg_attribute
            WHERE attrelid = 'products'::regclass AND attnum > 0 AND NOT attisdropped AND NOT EXISTS (
              SELECT FROM pg_trigger
              WHERE tgrelid = attrelid AND tgname = 'products_draw_version_anew' AND pg_get_triggerdef(oid) LIKE '%old.' || attname || ' %')
            """),
        Is.Empty);

    [TestCase("version = 1")]
    [TestCase("updated_at = '2000-01-01'")]
    [TestCase("created_at = '2000-01-01'")]
    public async Task AVersionOrTimeSetByHandDrawsANewVersion(string assignment)
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync($"UPDATE products SET {assignment} WHERE id = 1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(version));
            Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(1) }));
            Assert.That(await database.QueryAsync<bool>("SELECT updated_at > '2020-01-01' FROM products WHERE id = 1"), Is.True);
        }
    }

    [Test]
    public async Task ATransactionThatIsRolledBackLeavesNothing()
    {
        await database.ExecuteAsync("BEGIN; INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1); ROLLBACK");

        Assert.That(await OutboxRowsAsync(), Is.Empty);
    }

    [Test]
    public async Task OfATransactionWhatASavepointTookBackIsNotRecorded()
    {
        await database.ExecuteAsync(
            """
            BEGIN;
            INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1);
            SAVEPOINT before;
            INSERT INTO products (id, name, price) VALUES (2, 'Tea', 1);
            UPDATE products SET price = 2 WHERE id = 1;
            ROLLBACK TO before;
            INSERT INTO products (id, name, price) VALUES (3, 'Tea', 1);
            COMMIT
            """);

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(3) }));
    }

    [Test]
    public async Task AChangeThatCommitsAfterALaterOneWasTakenIsTakenAsWell()
    {
        await using var first = await database.DataSource.OpenConnectionAsync();
        await using var second = await database.DataSource.OpenConnectionAsync();
        await ExecuteAsync(first, "BEGIN; INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        await ExecuteAsync(second, "BEGIN; INSERT INTO products (id, name, price) VALUES (2, 'Tea', 1)");

        await ExecuteAsync(second, "COMMIT");
        var taken = await TakeAllAsync();
        await ExecuteAsync(first, "COMMIT");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(taken.Select(change => change.Id), Is.EqualTo(new[] { "2" }));
            Assert.That((await TakeAllAsync()).Select(change => change.Id), Is.EqualTo(new[] { "1" }));
            Assert.That(await OutboxRowsAsync(), Is.Empty);
        }
    }

    [Test]
    public async Task ARowThatIsReplacedWithinATransactionIsADeletionAndAnUpsert()
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);

        await database.ExecuteAsync(
            "BEGIN; DELETE FROM products WHERE id = 1; INSERT INTO products (id, name, price) VALUES (1, 'Coffee', 1); COMMIT");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EqualTo(new[] { Deletion(1, version), await UpsertOfAsync(1) }));
            Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(version));
        }
    }

    [Test]
    public async Task ARowThatWaitedForTheDeletionOfItsIdIsRecordedAfterIt()
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);
        await using var deleting = await database.DataSource.OpenConnectionAsync();
        await ExecuteAsync(deleting, "BEGIN; DELETE FROM products WHERE id = 1");

        var insert = InsertAsync(1);
        await SomebodyWaitsForALockAsync();
        await ExecuteAsync(deleting, "COMMIT");
        await insert;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { Deletion(1, version), await UpsertOfAsync(1) }));
            Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(version));
        }
    }

    [Test]
    public async Task ARowMayBeCommittedAfterALaterVersionOfItsIdWasDeleted()
    {
        var (version, _) = await InsertAndForgetAsync(1, 2);
        await using var other = await database.DataSource.OpenConnectionAsync();
        await ExecuteAsync(other, "BEGIN; DELETE FROM products WHERE id = 1");

        // It draws its version, then waits for the other transaction, which draws a later one.
        var insert = InsertAsync(1);
        await SomebodyWaitsForALockAsync();
        await ExecuteAsync(other, "INSERT INTO products (id, name, price) VALUES (1, 'short-lived', 1)");
        await ExecuteAsync(other, "DELETE FROM products WHERE id = 1; COMMIT");
        await insert;

        var row = await UpsertOfAsync(1);
        var later = (await ChangesAsync()).Where(change => !change.Deleted).Max(change => change.Version);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(row.Version, Is.LessThan(later));
            Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { Deletion(1, version), Upsert(1, later), Deletion(1, later), row }));
        }
    }

    [Test]
    public async Task ChangesAreRecordedEvenWhereTriggersAreSwitchedOffForReplication()
    {
        var (first, second) = await InsertAndForgetAsync(1, 2);
        await using var connection = await database.DataSource.OpenConnectionAsync();

        await ExecuteAsync(
            connection,
            """
            SET session_replication_role = replica;
            INSERT INTO products (id, name, price) VALUES (3, 'replica', 1);
            UPDATE products SET price = 2 WHERE id = 3;
            UPDATE products SET id = 4 WHERE id = 3;
            DELETE FROM products WHERE id = 4;
            TRUNCATE products;
            RESET session_replication_role;
            """);

        var changes = await ChangesAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                changes.Select(change => (change.Id, change.Deleted)),
                Is.EquivalentTo(new[] { (3L, false), (3L, false), (3L, true), (4L, false), (4L, true), (1L, true), (2L, true) }));
            Assert.That(changes, Does.Contain(Deletion(1, first)).And.Contain(Deletion(2, second)));
            Assert.That(changes.Where(change => !change.Deleted).Select(change => change.Version), Is.Unique.And.All.GreaterThan(second));
        }
    }

    [Test]
    public async Task AWriterNeedsRightsOnTheProductsOnly()
    {
        await using var writer = await TestRole.CreateAsync(database, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE");

        await writer.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1), (2, 'Tea', 1)");
        await writer.ExecuteAsync("UPDATE products SET price = 2 WHERE id = 1");
        await writer.ExecuteAsync("UPDATE products SET id = 3 WHERE id = 1");
        await writer.ExecuteAsync("DELETE FROM products WHERE id = 3");
        await writer.ExecuteAsync("TRUNCATE products");

        Assert.That(
            (await ChangesAsync()).Select(change => (change.Id, change.Deleted)),
            Is.EqualTo(new[] { (1L, false), (2L, false), (1L, false), (1L, true), (3L, false), (3L, true), (2L, true) }));
        Assert.That(
            Assert.ThrowsAsync<PostgresException>(() => writer.ExecuteAsync("DELETE FROM product_changes"))!.SqlState,
            Is.EqualTo(PostgresErrorCodes.InsufficientPrivilege));
    }

    [Test]
    public async Task AWriterCannotPutObjectsOfItsOwnInTheWayOfTheRecording()
    {
        await using var writer = await TestRole.CreateAsync(database, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE");
        await database.ExecuteAsync($"CREATE SCHEMA hostile AUTHORIZATION {writer.Name}");
        await writer.ExecuteAsync(
            """
            CREATE FUNCTION hostile.trap() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
            CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT hostile.trap(); SELECT clock_timestamp()';
            CREATE FUNCTION hostile.nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT hostile.trap()';
            CREATE FUNCTION hostile.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT hostile.trap()';
            CREATE FUNCTION hostile.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT hostile.trap()::text';
            CREATE FUNCTION hostile.trap_step(bigint[], bigint) RETURNS bigint[] LANGUAGE sql AS 'SELECT ARRAY[hostile.trap()]';
            CREATE AGGREGATE hostile.array_agg(bigint) (SFUNC = hostile.trap_step, STYPE = bigint[]);
            CREATE FUNCTION hostile.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.trap() = 0';
            CREATE OPERATOR hostile.<> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = hostile.same);
            CREATE FUNCTION hostile.same_time(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.trap() = 0';
            CREATE OPERATOR hostile.= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.same_time);
            CREATE SEQUENCE hostile.product_version_seq START 4000000000000000;
            CREATE TABLE hostile.product_changes (LIKE public.product_changes INCLUDING ALL);
            CREATE TEMP TABLE product_changes (LIKE public.product_changes INCLUDING ALL);
            CREATE TEMP TABLE changed_rows (LIKE public.products);
            SET search_path = hostile, pg_catalog, public, pg_temp;
            """);

        await writer.ExecuteAsync("INSERT INTO public.products (id, name, price) VALUES (1, 'Tea', 1), (2, 'Tea', 1)");
        await writer.ExecuteAsync("UPDATE public.products SET price = 2 WHERE id = 1");
        await writer.ExecuteAsync("UPDATE public.products SET id = 3 WHERE id = 1");
        await writer.ExecuteAsync("DELETE FROM public.products WHERE id = 3");
        await writer.ExecuteAsync("TRUNCATE public.products");

        var changes = await ChangesAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                changes.Select(change => (change.Id, change.Deleted)),
                Is.EqualTo(new[] { (1L, false), (2L, false), (1L, false), (1L, true), (3L, false), (3L, true), (2L, true) }));
            Assert.That(changes.Select(change => change.Version), Is.All.LessThan(4_000_000_000_000_000));
            Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM hostile.product_changes"), Is.Zero);
            Assert.That(Assert.ThrowsAsync<PostgresException>(() => writer.ExecuteAsync("SELECT now()"))!.MessageText, Does.StartWith("trapped"));
        }

        await database.ExecuteAsync("DROP SCHEMA hostile CASCADE");
    }

    [TestCase(20, new[] { 20 }, false)]
    [TestCase(21, new[] { 21 }, true)]
    [TestCase(500, new[] { 500 }, true)]
    [TestCase(501, new[] { 500, 1 }, true)]
    [TestCase(1_200, new[] { 500, 500, 200 }, true)]
    public async Task AStatementIsRecordedInRowsOfLimitedSizeAndALargeOneInTheBulkLane(int changes, int[] sizes, bool bulk)
    {
        var expected = sizes.Select(size => (Bulk: bulk, Changes: size));

        await database.ExecuteAsync($"INSERT INTO products (id, name, price) SELECT id, 'Tea', 1 FROM generate_series(1, {changes}) AS id");
        Assert.That(await OutboxRowsAsync(), Is.EquivalentTo(expected), "inserted");
        Assert.That((await ChangesAsync()).Select(change => change.Id).Order(), Is.EqualTo(Enumerable.Range(1, changes)));

        await database.ExecuteAsync("DELETE FROM product_changes; UPDATE products SET price = 2");
        Assert.That(await OutboxRowsAsync(), Is.EquivalentTo(expected), "updated");

        await database.ExecuteAsync("DELETE FROM product_changes; TRUNCATE products");
        Assert.That(await OutboxRowsAsync(), Is.EquivalentTo(expected), "truncated");
    }

    [Test]
    public async Task ACommittedChangeIsNotifiedAndAnUpdateThatChangesNothingIsNot()
    {
        await InsertAndForgetAsync(1, 2);
        await using var listener = await database.DataSource.OpenConnectionAsync();
        Queue<string> heard = [];
        listener.Notification += (_, notification) => heard.Enqueue(notification.Payload);
        await ExecuteAsync(listener, "LISTEN product_changes");
        await using var writer = await database.DataSource.OpenConnectionAsync();

        await ExecuteAsync(writer, "UPDATE products SET price = price");
        await ExecuteAsync(writer, "BEGIN; UPDATE products SET price = 2");
        await NotifyAsync("before the commit");
        Assert.That(await NextAsync(), Is.EqualTo("before the commit"));

        await ExecuteAsync(writer, "COMMIT");
        Assert.That(await NextAsync(), Is.Empty);

        foreach (var write in new[] { "INSERT INTO products (id, name, price) VALUES (3, 'Tea', 1)", "DELETE FROM products WHERE id = 1", "TRUNCATE products" })
        {
            await ExecuteAsync(writer, write);
            Assert.That(await NextAsync(), Is.Empty, write);
        }

        Task NotifyAsync(string payload) => database.ExecuteAsync("SELECT pg_notify('product_changes', $1)", payload);

        async Task<string> NextAsync()
        {
            while (heard.Count == 0)
            {
                Assert.That(await listener.WaitAsync(Patience), Is.True, "nothing was notified");
            }

            return heard.Dequeue();
        }
    }

    [TestCase("INSERT INTO products (id, name, price) VALUES (1, 'Coffee', 1), (3, 'Tea', 1) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name")]
    [TestCase("UPDATE products SET name = 'Coffee' WHERE id = 1; INSERT INTO products (id, name, price) VALUES (3, 'Tea', 1)")]
    public async Task ATimeThatATriggerOfAnotherOwnerSetsHidesNoChange(string sql)
    {
        await InsertAndForgetAsync(1, 2);
        await using var trigger = await ShopTrigger.CreateAsync(database, "NEW.updated_at := clock_timestamp()", "INSERT OR UPDATE", prefix: "zzz");

        await database.ExecuteAsync(sql);

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { await UpsertOfAsync(1), await UpsertOfAsync(3) }));
    }

    [Test]
    public async Task WhereATriggerOfAnotherOwnerSetsTheTimeRowsThatDoNotChangeAreNotRecorded()
    {
        await InsertAndForgetAsync(1, 2);
        await using var trigger = await ShopTrigger.CreateAsync(
            database, "IF NEW.price <> OLD.price THEN NEW.updated_at := clock_timestamp(); END IF", "UPDATE", prefix: "zzz");

        await database.ExecuteAsync("UPDATE products SET price = id");

        Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(2) }));
    }

    [TestCase("name = 'Tea of ' || OLD.id")]
    [TestCase("price = 9")]
    [TestCase("description = 'Green'")]
    public async Task AContentThatATriggerOfAnotherOwnerMakesLaterHasAVersionOfItsOwn(string assignment)
    {
        var (before, _) = await InsertAndForgetAsync(1, 2);
        await database.ExecuteAsync("ALTER TABLE products ADD COLUMN IF NOT EXISTS colour text");
        await using var trigger = await ShopTrigger.CreateAsync(
            database, $"IF NEW.colour IS DISTINCT FROM OLD.colour THEN NEW.{assignment.Replace("=", ":=", StringComparison.Ordinal)}; END IF", "UPDATE", prefix: "zzz");

        await database.ExecuteAsync("UPDATE products SET colour = 'green' WHERE id = 1");

        await database.ExecuteAsync("ALTER TABLE products DROP COLUMN colour");
        var changed = await UpsertOfAsync(1);
        Assert.That(changed.Version, Is.GreaterThan(before));
        Assert.That(await ChangesAsync(), Is.EqualTo(new[] { changed }));
    }

    [Test]
    public async Task AnIdThatATriggerOfAnotherOwnerChangesIsADeletionOfTheOldOneAndAnUpsertOfTheNew()
    {
        var (before, _) = await InsertAndForgetAsync(1, 2);
        await using var trigger = await ShopTrigger.CreateAsync(database, "NEW.id := OLD.id + 10", "UPDATE", prefix: "zzz");

        await database.ExecuteAsync("UPDATE products SET price = 2 WHERE id = 1");

        Assert.That(await ChangesAsync(), Is.EquivalentTo(new[] { Deletion(1, before), await UpsertOfAsync(11) }));
    }

    [Test]
    public async Task ATriggerThatKeepsTheVersionOfAnotherContentIsRefused()
    {
        await InsertAndForgetAsync(1, 2);
        await using var trigger = await ShopTrigger.CreateAsync(database, "NEW.version := OLD.version", "UPDATE", prefix: "zzz");

        Assert.That(
            () => database.ExecuteAsync("UPDATE products SET price = 2 WHERE id = 1"),
            Throws.TypeOf<PostgresException>().With.Message.Contains("keeps the version"));
    }

    [Test]
    public async Task ATriggerThatWritesTheRowAgainLeavesItsLastVersionInTheOutbox()
    {
        await InsertAndForgetAsync(1, 2);
        await using var trigger = await ShopTrigger.CreateAsync(
            database, "UPDATE public.products SET description = 'Seen' WHERE id = NEW.id AND description <> 'Seen'", "UPDATE", "AFTER");

        await database.ExecuteAsync("UPDATE products SET price = 2 WHERE id = 1");

        Assert.That(await ChangesAsync(), Does.Contain(await UpsertOfAsync(1)));
    }

    [Test]
    public async Task TheVersionsOfAProductNeverGoBackThoughThoseOfTheSequenceDid()
    {
        await InsertAndForgetAsync(1, 2);
        var (first, second) = ((await UpsertOfAsync(1)).Version, (await UpsertOfAsync(2)).Version);
        await database.ExecuteAsync("SELECT setval('product_version_seq', 1)");

        await database.ExecuteAsync("UPDATE products SET price = price + 1");

        Assert.That((await UpsertOfAsync(1)).Version, Is.GreaterThan(first));
        Assert.That((await UpsertOfAsync(2)).Version, Is.GreaterThan(second));
        await database.ExecuteAsync("SELECT setval('product_version_seq', (SELECT max(version) FROM products))");
    }

    [Test]
    public async Task ATransactionOfATwoPhaseCommitIsRecorded()
    {
        if (await database.QueryAsync<string>("SELECT current_setting('max_prepared_transactions')") == "0")
        {
            Assert.Ignore("Needs a PostgreSQL with max_prepared_transactions above 0.");
        }

        await using var connection = await database.DataSource.OpenConnectionAsync();
        await ExecuteAsync(connection, "BEGIN");
        await ExecuteAsync(connection, "INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        await ExecuteAsync(connection, "/* of a transaction manager */ Prepare  Transaction 'tea'");
        await ExecuteAsync(connection, "COMMIT PREPARED 'tea'");

        Assert.That(await ChangesAsync(), Is.EqualTo(new[] { await UpsertOfAsync(1) }));
    }

    [Test]
    public async Task TheMigrationCanBeTakenBackAndAppliedAgain()
    {
        await using var other = await TestDatabase.CreateMigratedAsync();
        await using var context = other.NewContext();
        var migrator = context.GetService<IMigrator>();
        await other.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        var before = await other.QueryAsync<long>("SELECT version FROM products");

        await migrator.MigrateAsync("CreateProducts");

        await other.ExecuteAsync("UPDATE products SET price = 2");
        var between = await other.QueryAsync<long>("SELECT version FROM products");
        await other.ExecuteAsync("UPDATE products SET price = price");
        Assert.That(between, Is.GreaterThan(before));
        Assert.That(await other.QueryAsync<long>("SELECT version FROM products"), Is.EqualTo(between));
        Assert.That(await other.QueryAsync<bool>("SELECT to_regclass('product_changes') IS NULL"), Is.True);

        await migrator.MigrateAsync();

        await other.ExecuteAsync("UPDATE products SET price = 3");
        Assert.That(await other.QueryAsync<long>("SELECT version FROM products"), Is.GreaterThan(between));
        Assert.That(await other.QueryAsync<long[]>("SELECT versions FROM product_changes"), Has.Length.EqualTo(1));
    }

    private static Recorded Upsert(long id, long version) => new(id, version, Deleted: false);

    private static Recorded Deletion(long id, long version) => new(id, version, Deleted: true);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private Task InsertAsync(params IEnumerable<long> ids) => database.ExecuteAsync(
        $"INSERT INTO products (id, name, price) VALUES {string.Join(", ", ids.Select(id => string.Create(CultureInfo.InvariantCulture, $"({id}, 'Tea', 1)")))}");

    /// <summary>Two rows whose insertion is not in the outbox any more, and their versions.</summary>
    private async Task<(long First, long Second)> InsertAndForgetAsync(long first, long second)
    {
        await InsertAsync(first, second);
        await database.ExecuteAsync("DELETE FROM product_changes");
        return ((await UpsertOfAsync(first)).Version, (await UpsertOfAsync(second)).Version);
    }

    /// <summary>How the row as it is now must have been recorded.</summary>
    private async Task<Recorded> UpsertOfAsync(long id) =>
        Upsert(id, await database.QueryAsync<long>(string.Create(CultureInfo.InvariantCulture, $"SELECT version FROM products WHERE id = {id}")));

    private async Task<List<Recorded>> ChangesAsync()
    {
        await using var command = database.DataSource.CreateCommand("SELECT product_ids, versions, deleted FROM product_changes ORDER BY seq");
        await using var reader = await command.ExecuteReaderAsync();
        List<Recorded> changes = [];
        while (await reader.ReadAsync())
        {
            var (ids, versions, deleted) = (reader.GetFieldValue<long[]>(0), reader.GetFieldValue<long[]>(1), reader.GetBoolean(2));
            Assert.That(versions, Has.Length.EqualTo(ids.Length));
            changes.AddRange(ids.Zip(versions, (id, version) => new Recorded(id, version, deleted)));
        }

        return changes;
    }

    private async Task<List<(bool Bulk, int Changes)>> OutboxRowsAsync()
    {
        await using var command = database.DataSource.CreateCommand("SELECT bulk, cardinality(product_ids) FROM product_changes ORDER BY seq");
        await using var reader = await command.ExecuteReaderAsync();
        List<(bool, int)> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add((reader.GetBoolean(0), reader.GetInt32(1)));
        }

        return rows;
    }

    private async Task<IReadOnlyList<RecordedChange>> TakeAllAsync()
    {
        await using var batch = await new ChangeOutbox(database.DataSource).TakeAsync(ChangeLane.Single, default);
        await batch.CompleteAsync([], default);
        return batch.Changes;
    }

    private Task SomebodyWaitsForALockAsync() => Eventually.TrueAsync(() => database.QueryAsync<bool>(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"));

    private sealed record Recorded(long Id, long Version, bool Deleted);

    /// <summary>A connection of a role that exists for one test.</summary>
    private sealed class TestRole : IAsyncDisposable
    {
        private readonly TestDatabase database;
        private readonly NpgsqlConnection connection;

        private TestRole(TestDatabase database, NpgsqlConnection connection, string name)
        {
            this.database = database;
            this.connection = connection;
            Name = name;
        }

        public string Name { get; }

        public static async Task<TestRole> CreateAsync(TestDatabase database, string rights)
        {
            var name = $"writer_{Guid.NewGuid():N}";
            await database.ExecuteAsync(
                $"CREATE ROLE {name}; GRANT {rights} ON products TO {name}; GRANT SELECT ON product_changes TO {name}");
            var role = new TestRole(database, await database.DataSource.OpenConnectionAsync(), name);
            await role.ExecuteAsync($"SET ROLE {name}");
            return role;
        }

        public Task ExecuteAsync(string sql) => ChangeTriggersTests.ExecuteAsync(connection, sql);

        public async ValueTask DisposeAsync()
        {
            NpgsqlConnection.ClearPool(connection);
            await connection.DisposeAsync();
            await Eventually.TrueAsync(() => database.QueryAsync<bool>(
                $"SELECT count(*) = 0 FROM pg_class WHERE relpersistence = 't' AND relowner = '{Name}'::regrole"));
            await database.ExecuteAsync($"DROP OWNED BY {Name} CASCADE; DROP ROLE {Name}");
        }
    }
}
