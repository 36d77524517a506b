using System.Globalization;
using System.Net;
using Npgsql;
using ProductCache.Domain;
using ProductCache.Standalone;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>docs/restore.md: a database that goes back to a backup while Api and Worker run.</summary>
[Category(TestCategories.Servers)]
[Category(TestCategories.Outages)]
public sealed class RestoreTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    private Deployment deployment = null!;
    private string backup = null!;

    [SetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync();
        backup = Path.GetTempFileName();
    }

    [TearDown]
    public async Task StopAsync()
    {
        File.Delete(backup);
        await deployment.DisposeAsync();
    }

    [Test]
    public async Task AfterARestoreReadersSeeTheRestoredStateAndLaterChangesAndNoVersionComesTwice()
    {
        var (changed, created) = (await deployment.InsertAsync("Tea"), TestProducts.NewId());
        await deployment.ChangesAreConsumedAsync();
        await RunAsync("pg_dump", "--format=custom", $"--file={backup}");
        await deployment.ExecuteAsync("UPDATE products SET name = 'Lost' WHERE id = $1", changed.Value);
        await deployment.ExecuteAsync("INSERT INTO products (id, name, price) VALUES ($1, 'Lost', 1)", created.Value);
        var lost = await EntityTagAsync(changed, "Lost");
        await EntityTagAsync(created, "Lost");
        await deployment.ChangesAreConsumedAsync();

        await RunAsync("pg_restore", "--clean", "--if-exists", "--single-transaction", backup);

        await EntityTagAsync(changed, "Tea");
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await deployment.GetAsync(created, "wait=10");
            return answer.StatusCode == HttpStatusCode.NotFound;
        });
        await Eventually.TrueAsync(() => deployment.Worker.Output.Contains("went back to an older state", StringComparison.Ordinal));

        await deployment.ExecuteAsync("UPDATE products SET name = 'Coffee' WHERE id = $1", changed.Value);
        Assert.That(await EntityTagAsync(changed, "Coffee"), Is.GreaterThan(lost));
    }

    /// <summary>The version in the ETag, once the answer has this name.</summary>
    private async Task<long> EntityTagAsync(ProductId id, string name)
    {
        var version = 0L;
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await deployment.GetAsync(id, "wait=10");
                version = answer.Headers.ETag is { } tag ? long.Parse(tag.Tag.Trim('"'), CultureInfo.InvariantCulture) : 0;
                return (await answer.Content.ReadAsStringAsync()).Contains($"\"{name}\"", StringComparison.Ordinal);
            },
            name);
        return version;
    }

    private async Task RunAsync(string program, params string[] arguments)
    {
        var path = $"/usr/bin/{program}";
        if (!File.Exists(path))
        {
            Assert.Ignore($"Needs {program}: apt-get install postgresql-client.");
        }

        var database = new NpgsqlConnectionStringBuilder(deployment.DataSource.ConnectionString)
        {
            Password = new NpgsqlConnectionStringBuilder(deployment.Postgres.ConnectionString).Password,
        };
        var url = string.Create(CultureInfo.InvariantCulture, $"postgresql://{database.Username}:{database.Password}@{database.Host}:{database.Port}/{database.Database}");
        try
        {
            await ChildProcess.RunAsync(null, path, ["--dbname", url, .. arguments], Timeout);
        }
        catch (StandaloneException exception) when (exception.Message.Contains("server version mismatch", StringComparison.Ordinal))
        {
            Assert.Ignore($"Needs a {program} as new as the server: apt-get install postgresql-client.");
        }
    }
}
