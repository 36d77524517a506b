using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Npgsql;
using ProductCache.Infrastructure.Security;
using ProductCache.Standalone;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>Api and Worker behind pgbouncer in transaction mode, which gives each transaction another session.</summary>
[Category(TestCategories.Servers)]
public sealed class PoolerTests
{
    private const string Program = "/usr/sbin/pgbouncer";
    private const int Requests = 200;

    /// <summary>Below what the Api allows one client.</summary>
    private const int AtOnce = 16;

    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private string folder = null!;
    private ChildProcess? pooler;
    private Deployment? deployment;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!File.Exists(Program))
        {
            Assert.Ignore("Needs pgbouncer: apt-get install pgbouncer.");
        }

        var (port, key) = (TestServer.FreePort(), NewApiKey.Create("tests", Scopes.All));
        folder = Directory.CreateTempSubdirectory("product-cache-pooler-").FullName;
        var server = new NpgsqlConnectionStringBuilder((await SharedServers.Postgres).ConnectionString);
        await File.WriteAllTextAsync(Path.Combine(folder, "users.txt"), $"\"{server.Username}\" \"{server.Password}\"\n");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "pgbouncer.ini"),
            string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            * = host={server.Host} port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = plain
            auth_file = {folder}/users.txt
            pool_mode = transaction
            default_pool_size = 5
            """));
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        pooler = ChildProcess.Start(Environment.UserName == "root" ? "postgres" : null, ChildProcess.SIGINT, StopTimeout, Program, Path.Combine(folder, "pgbouncer.ini"));
        deployment = await Deployment.StartAsync(
            ("DB_HOST", "127.0.0.1"), ("DB_PORT", port.ToString(CultureInfo.InvariantCulture)), ("DB_POOLER", "transaction"), ("API_KEYS", key.Line), ("API_WRITES_PER_SECOND", "0"), ("API_LISTS_PER_SECOND", "0"));
        deployment.Http.DefaultRequestHeaders.Authorization = new("Bearer", key.Text);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (deployment is not null)
        {
            await deployment.DisposeAsync();
        }

        if (pooler is not null)
        {
            await pooler.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task EveryListAndEveryWriteSucceeds()
    {
        ConcurrentBag<HttpStatusCode> statuses = [];
        await Parallel.ForEachAsync(Enumerable.Range(0, Requests), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (n, cancellationToken) =>
        {
            using var answer = n % 2 == 0
                ? await deployment!.Http.GetAsync("/api/v1/products?limit=5&q=Tea", cancellationToken)
                : await deployment!.Http.PostAsJsonAsync("/api/v1/products", new { name = "Tea", price = 1 }, cancellationToken);
            statuses.Add(answer.StatusCode);
        });

        Assert.That(statuses.Distinct(), Is.EquivalentTo(new[] { HttpStatusCode.OK, HttpStatusCode.Created }));
    }

    [Test]
    public async Task AChangeReachesACachedProduct()
    {
        var id = await deployment!.InsertAsync();
        await deployment.FillAsync(id);

        await deployment.ExecuteAsync("UPDATE products SET name = 'Coffee' WHERE id = $1", id.Value);

        await Eventually.TrueAsync(async () =>
        {
            using var answer = await deployment.GetAsync(id, "wait=10");
            return (await answer.Content.ReadAsStringAsync()).Contains("Coffee", StringComparison.Ordinal);
        });
    }
}
