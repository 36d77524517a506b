using Microsoft.EntityFrameworkCore;
using Npgsql;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.IntegrationTests.Postgres;

/// <summary>The rules that the table enforces for every writer.</summary>
public sealed class SchemaTests
{
    private TestDatabase database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabaseAsync() => database = await TestDatabase.CreateMigratedAsync();

    [OneTimeTearDown]
    public ValueTask DropAsync() => database.DisposeAsync();

    [Test]
    public async Task SeveralInstancesMayStartAtOnceOnAnEmptyDatabase()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        TestDatabase[] instances = [.. Enumerable.Range(0, 5).Select(_ => empty.Again())];

        await Task.WhenAll(instances.Select(instance => instance.Migrator.MigrateAsync(default)));

        Assert.That(await empty.QueryAsync<long>("SELECT count(*) FROM products"), Is.Zero);
        foreach (var instance in instances)
        {
            await instance.DisposeAsync();
        }
    }

    [Test]
    public async Task ARoleWithASchemaOfItsOwnNameGetsTheTablesInPublic()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        var role = $"owner_{Guid.NewGuid():N}";
        await empty.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret' SUPERUSER; CREATE SCHEMA {role} AUTHORIZATION {role}");
        await using var ofRole = empty.As(role, "secret");

        await ofRole.Migrator.MigrateAsync(default);
        await ofRole.Migrator.MigrateAsync(default);

        Assert.That(
            await empty.QueryAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('products', 'product_changes', '__EFMigrationsHistory')"),
            Is.EqualTo(3));
        Assert.That(await empty.QueryAsync<long>($"SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = '{role}'::regnamespace"), Is.Zero);
        await ofRole.DisposeAsync();
        await empty.ExecuteAsync($"DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
    }

    [Test]
    public async Task AnExtensionInAnotherSchemaIsFoundThere()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        await empty.ExecuteAsync("CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions");

        await empty.Migrator.MigrateAsync(default);

        Assert.That(await empty.QueryAsync<bool>("SELECT to_regclass('public.ix_products_name') IS NOT NULL"), Is.True);
    }

    [Test]
    public async Task ATableOfAnotherApplicationIsLeftAloneAndNamed()
    {
        await using var foreign = await TestDatabase.CreateEmptyAsync();
        await foreign.ExecuteAsync("CREATE TABLE products (sku text)");

        Assert.That(() => foreign.Migrator.MigrateAsync(default), Throws.TypeOf<MigrationException>().With.Message.Contains("public.products"));
        Assert.That(await foreign.QueryAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), Is.EqualTo(1));
    }

    [Test]
    public void TheMigrationsAreWhatTheModelSays()
    {
        using var context = database.NewContext();

        Assert.That(context.Database.HasPendingModelChanges(), Is.False);
    }

    [Test]
    public async Task ARowWrittenByHandGetsIdVersionAndTimes()
    {
        await database.ExecuteAsync("INSERT INTO products (name, price) VALUES ('by hand', 1)");

        Assert.That(
            await database.QueryAsync<bool>(
                "SELECT id > 0 AND version > 0 AND description = '' AND created_at = updated_at FROM products WHERE name = 'by hand'"),
            Is.True);
    }

    [Test]
    public async Task AVersionCannotBeChosenByTheWriter()
    {
        await database.ExecuteAsync("INSERT INTO products (name, price, version) VALUES ('chosen', 1, 4000000000000000)");
        await database.ExecuteAsync("UPDATE products SET version = 1, price = 2 WHERE name = 'chosen'");

        Assert.That(await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'chosen'"), Is.GreaterThan(1).And.LessThan(4000000000000000));
    }

    [Test]
    public async Task AnUpdateDrawsANewVersion()
    {
        await database.ExecuteAsync("INSERT INTO products (name, price) VALUES ('updated', 1)");
        var before = await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'updated'");

        await database.ExecuteAsync("UPDATE products SET price = 2 WHERE name = 'updated'");

        Assert.That(await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'updated'"), Is.GreaterThan(before));
    }

    [Test]
    public async Task AnUpdateThatChangesNothingKeepsTheVersion()
    {
        await database.ExecuteAsync("INSERT INTO products (name, price) VALUES ('same', 1)");
        var before = await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'same'");

        await database.ExecuteAsync("UPDATE products SET price = 1.00 WHERE name = 'same'");

        Assert.That(await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'same'"), Is.EqualTo(before));
    }

    [Test]
    public async Task TheVersionIsDrawnEvenWhereTriggersAreSwitchedOffForReplication()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            "SET session_replication_role = replica; INSERT INTO products (name, price) VALUES ('replica', 1); RESET session_replication_role;", connection);
        await command.ExecuteNonQueryAsync();

        Assert.That(await database.QueryAsync<long>("SELECT version FROM products WHERE name = 'replica'"), Is.GreaterThan(0));
    }

    [TestCase("(id, name, price) VALUES (0, 'zero', 1)", "products_id_positive")]
    [TestCase("(id, name, price) VALUES (-1, 'negative', 1)", "products_id_positive")]
    [TestCase("(name, price) VALUES ('', 1)", "products_name_valid")]
    [TestCase("(name, price) VALUES (repeat('x', 201), 1)", "products_name_valid")]
    [TestCase("(name, price) VALUES (E'a\\tb', 1)", "products_name_valid")]
    [TestCase("(name, price) VALUES (E'a\\u0085b', 1)", "products_name_valid")]
    [TestCase("(name, price) VALUES ('cheap', -0.01)", "products_price_valid")]
    [TestCase("(name, price) VALUES ('not a number', 'NaN')", "products_price_valid")]
    [TestCase("(name, price, description) VALUES ('long', 1, repeat('x', 10001))", "products_description_valid")]
    public void ARowThatIsNoProductIsRefused(string row, string constraint)
    {
        var refusal = Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync($"INSERT INTO products {row}"));

        Assert.That(refusal!.ConstraintName, Is.EqualTo(constraint));
    }

    [Test]
    public async Task TheLongestNameOfTheWidestCharactersIsAProduct() =>
        Assert.That(await database.ExecuteAsync("INSERT INTO products (name, price) VALUES (repeat('🍵', 200), 9999999999.99)"), Is.EqualTo(1));
}
