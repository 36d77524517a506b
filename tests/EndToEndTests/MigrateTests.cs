using Npgsql;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The verb migrate of the Worker, and a Worker that does not migrate.</summary>
[Category(TestCategories.Servers)]
public sealed class MigrateTests
{
    private PostgresServer postgres = null!;
    private NpgsqlDataSource database = null!;
    private string name = null!;

    [SetUp]
    public async Task CreateAsync()
    {
        postgres = await SharedServers.Postgres;
        name = $"migrate_{Guid.NewGuid():N}";
        await using var server = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var create = server.CreateCommand($"CREATE DATABASE {name}");
        await create.ExecuteNonQueryAsync();
        database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Database = name, Pooling = false }.ConnectionString);
    }

    [TearDown]
    public ValueTask DisposeAsync() => database.DisposeAsync();

    [TestCase("public")]
    [TestCase("shop")]
    public async Task TheSchemaIsMigratedOnceAndEveryTimeUpToDate(string schema)
    {
        var first = await MigrateAsync($"--DB_SCHEMA={schema}");
        var second = await MigrateAsync($"--DB_SCHEMA={schema}");
        var all = Directory.GetFiles(Repository.PathOf("src/Infrastructure/Postgres/Migrations"), "*.Designer.cs").Length;

        Assert.That(first, Is.EqualTo(new CommandResult(0, $"The schema {schema} is up to date: {all} migrations were applied.\n", string.Empty)));
        Assert.That(second, Is.EqualTo(new CommandResult(0, $"The schema {schema} is up to date.\n", string.Empty)));
        Assert.That(await CountAsync($"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'"), Is.EqualTo(5));
        Assert.That(await CountAsync($"SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('{schema}', 'pg_catalog', 'information_schema')"), Is.Zero);
    }

    [Test]
    public async Task WhatItPrintsIsWhatItWouldDo()
    {
        var (exitCode, sql, errors) = await MigrateAsync("--sql", "--DB_SCHEMA=shop");
        Assert.That(exitCode, Is.Zero, errors);
        Assert.That(await CountAsync("SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'"), Is.Zero);

        await using var run = database.CreateCommand(sql);
        await run.ExecuteNonQueryAsync();

        Assert.That((await MigrateAsync("--DB_SCHEMA=shop")).Output, Is.EqualTo("The schema shop is up to date.\n"));
        Assert.That((await MigrateAsync("--sql", "--DB_SCHEMA=shop")).Output, Is.EqualTo("-- The schema shop is up to date.\n"));
    }

    [Test]
    public async Task ATableOfAnotherApplicationIsLeftAlone()
    {
        await ExecuteAsync("CREATE TABLE products (sku text)");

        Assert.That(
            await MigrateAsync(),
            Is.EqualTo(new CommandResult(
                1, string.Empty, "The table public.products was not created by ProductCache. Rename it, or set DB_SCHEMA or DB_NAME to another one.\n")));
        Assert.That(await CountAsync("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), Is.EqualTo(1));
    }

    [Test]
    public async Task ANewerSchemaIsLeftAlone()
    {
        await MigrateAsync();
        await ExecuteAsync("INSERT INTO \"__EFMigrationsHistory\" VALUES ('29990101000000_Future', '99.0')");

        Assert.That(
            await MigrateAsync(),
            Is.EqualTo(new CommandResult(
                1, string.Empty, "The schema public has the migration 29990101000000_Future of a newer version of ProductCache. Use that version.\n")));
    }

    [TestCase("--DB_SCHEMA=Shop", 2, "DB_SCHEMA must be")]
    [TestCase("--DB_PASSWORD=wrong", 1, "rejects the user or the password")]
    [TestCase("--DB_PORT=1", 1, "cannot be reached (DB_HOST)")]
    [TestCase("--all", 2, "There is no argument --all")]
    [TestCase("now", 2, "There is no argument now")]
    public async Task WhatIsWrongIsASentence(string argument, int exitCode, string sentence)
    {
        var result = await MigrateAsync(argument);

        Assert.That(result.ExitCode, Is.EqualTo(exitCode));
        Assert.That(result.Errors, Does.Contain(sentence).And.Not.Contain("   at "));
        Assert.That(result.Errors.TrimEnd(), Does.Not.Contain('\n'));
    }

    [Test]
    public async Task AWorkerThatDoesNotMigrateWaitsAndSaysForWhat()
    {
        var port = TestServer.FreePort();
        var (redis, kafka) = (await SharedServers.Redis, await SharedServers.Kafka);
        await using var worker = ServiceUnderTest.Launch("Worker", new Dictionary<string, string>(kafka.ClientSettings.Concat(Settings()))
        {
            ["DB_MIGRATE"] = "off",
            ["CACHE_NAMESPACE"] = name,
            ["REDIS_HOST"] = redis.Host,
            ["REDIS_PORT"] = $"{redis.Port}",
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["WORKER_PORT"] = $"{port}",
        });
        const string sentence = "The schema public lacks the tables of ProductCache: run the Worker with the argument migrate and a role that may create them.";
        await Eventually.TrueAsync(() => worker.Output.Contains(sentence, StringComparison.Ordinal));
        using var http = new HttpClient();
        using var health = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
        Assert.That(await health.Content.ReadAsStringAsync(), Does.Contain(sentence));

        await MigrateAsync();

        await worker.ReadyAsync(port);
    }

    private Dictionary<string, string> Settings()
    {
        var connection = new NpgsqlConnectionStringBuilder(postgres.ConnectionString);
        return new Dictionary<string, string>
        {
            ["DB_HOST"] = connection.Host!,
            ["DB_PORT"] = $"{connection.Port}",
            ["DB_NAME"] = name,
            ["DB_USER"] = connection.Username!,
            ["DB_PASSWORD"] = connection.Password!,
        };
    }

    private Task<CommandResult> MigrateAsync(params string[] arguments) => Command.RunAsync(
        ["dotnet", Path.Combine(AppContext.BaseDirectory, "ProductCache.Worker.dll"), "migrate", .. arguments],
        Eventually.Patience,
        configure: variables =>
        {
            foreach (var (key, value) in Settings())
            {
                variables[key] = value;
            }
        });

    private async Task ExecuteAsync(string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
