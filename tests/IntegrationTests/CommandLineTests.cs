using System.Diagnostics;
using System.Text.Json;
using Confluent.Kafka;
using ProductCache.Infrastructure;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests;

/// <summary>The verbs of productcache on real servers, as a process with the environment of a Worker.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class CommandLineTests
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "productcache.dll");

    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        service = await RunningService.StartAsync(null, (EntryAuditOptions.Setting, "0"));
        await service.ExecuteAsync("INSERT INTO products (id, name, price) SELECT id, 'Tea ' || id, 1 FROM generate_series(1, 300) id");
    }

    [OneTimeTearDown]
    public Task StopAsync() => service.DisposeAsync().AsTask();

    [Test]
    public async Task ShowComparesAllPlaces()
    {
        await ReadAsync(1);
        await Eventually.TrueAsync(async () => (await JsonAsync("show", "1")).GetProperty("nearCopies").GetArrayLength() == 1);

        var shown = await JsonAsync("show", "1");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(shown.GetProperty("finding").GetString(), Is.EqualTo("same"));
            Assert.That(shown.GetProperty("nearCopies")[0].GetProperty("instance").GetString(), Does.StartWith("api:"));
            Assert.That(shown.GetProperty("redis").GetProperty("body").GetString(), Does.Contain("Tea 1"));
            Assert.That(shown.GetProperty("postgres").GetProperty("version").GetInt64(), Is.EqualTo(shown.GetProperty("redis").GetProperty("version").GetInt64()));
        }

        Assert.That((await RunAsync("show", "2")).Output, Does.Contain("it is not cached"));
    }

    [Test]
    public async Task FollowPrintsWhatChanges()
    {
        await ReadAsync(3);
        using var process = Start("show", "3", "--follow");
        await Eventually.TrueAsync(async () => (await process.StandardOutput.ReadLineAsync())?.Contains("product 3", StringComparison.Ordinal) == true);
        await service.ExecuteAsync("UPDATE products SET name = 'Followed' WHERE id = 3");

        await Eventually.TrueAsync(async () => (await process.StandardOutput.ReadLineAsync())?.Contains("Followed", StringComparison.Ordinal) == true);
        process.Kill();
    }

    [Test]
    public async Task ADifferenceIsShownFoundAndRepaired()
    {
        await ReadAsync(4);
        await service.SpoilAsync(4);

        Assert.That((await RunAsync("audit")).ExitCode, Is.EqualTo(1));
        var audit = await JsonAsync("audit", "--repair");
        Assert.That(audit.GetProperty("differences").EnumerateArray().Select(one => one.GetProperty("cached").GetInt64()), Is.Not.Empty);
        Assert.That(audit.GetProperty("repaired").GetInt32(), Is.EqualTo(audit.GetProperty("differences").GetArrayLength()));
        Assert.That((await RunAsync("audit")).ExitCode, Is.Zero);
    }

    [Test]
    public async Task PurgeRemovesProducts()
    {
        await ReadAsync(5);
        Assert.That((await RunAsync("purge", "5")).ExitCode, Is.Zero);

        Assert.That((await JsonAsync("show", "5")).GetProperty("redis").TryGetProperty("version", out _), Is.False);
    }

    [Test]
    public async Task WhatCannotBeUndoneIsConfirmed()
    {
        foreach (var verb in new[] { new[] { "purge", "--all" }, ["dead-letters", "replay"], ["parked", "retry"] })
        {
            var (exitCode, _, errors) = await RunAsync(verb);
            Assert.That((exitCode, errors.Contains("--yes", StringComparison.Ordinal)), Is.EqualTo((2, true)), string.Join(' ', verb));
        }
    }

    [Test]
    public async Task WarmFillsWhatIsMissing()
    {
        var warmed = await JsonAsync("warm", "--query", "Tea 20", "--rate", "100000");
        Assert.That(warmed.GetProperty("products").GetInt64(), Is.EqualTo(11), "20 and 200 to 209");
        Assert.That(warmed.GetProperty("filled").GetInt64() + warmed.GetProperty("alreadyCached").GetInt64(), Is.EqualTo(11));
        Assert.That((await JsonAsync("warm", "--query", "Tea 20")).GetProperty("alreadyCached").GetInt64(), Is.EqualTo(11));
    }

    [Test]
    public async Task WarmContinuesAfterTheLastId()
    {
        var folder = Directory.CreateTempSubdirectory("productcache-").FullName;
        var (state, ids) = (Path.Combine(folder, "state"), Path.Combine(folder, "ids"));
        await File.WriteAllTextAsync(state, "290");
        Assert.That((await JsonAsync("warm", "--all", "--state", state)).GetProperty("products").GetInt64(), Is.EqualTo(10));
        Assert.That(File.Exists(state), Is.False, "The run is complete.");

        await File.WriteAllTextAsync(ids, "250\n251\n\n");
        Assert.That((await JsonAsync("warm", "--ids", ids)).GetProperty("products").GetInt64(), Is.EqualTo(2));
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public async Task ADeadLetterIsListedShownAndReplayed()
    {
        var topic = $"{service.Settings["CACHE_NAMESPACE"]}.product-requests";
        var client = new ClientConfig { BootstrapServers = service.Settings["KAFKA_BOOTSTRAP"] };
        using (var producer = new ProducerBuilder<string, string>(new ProducerConfig(client)).Build())
        {
            await producer.ProduceAsync(topic, new Message<string, string> { Key = "x", Value = "no JSON" });
        }

        await Eventually.TrueAsync(async () => (await JsonAsync("dead-letters", "list")).GetArrayLength() == 1);
        var letter = (await JsonAsync("dead-letters", "list"))[0];
        var id = letter.GetProperty("id").GetString()!;
        Assert.That((letter.GetProperty("key").GetString(), letter.GetProperty("stage").GetString()), Is.EqualTo(("x", "deserialize")));
        Assert.That((await RunAsync("dead-letters", "show", id)).Output, Does.Contain("no JSON"));

        Assert.That((await JsonAsync("dead-letters", "replay", id, "--yes")).GetProperty("replayed").GetInt32(), Is.EqualTo(1));
        await Eventually.TrueAsync(async () => (await JsonAsync("dead-letters", "list")).GetArrayLength() == 2);
        Assert.That((await RunAsync("dead-letters", "show", $"{topic}/0/9999")).ExitCode, Is.EqualTo(2));
    }

    [Test]
    public async Task AParkedChangeIsListedAndRetried()
    {
        await service.ExecuteAsync(
            "INSERT INTO product_changes_parked (product_id, version, deleted, changed_at, reason) SELECT id, version, false, now(), 'Test' FROM products WHERE id = 6");
        Assert.That((await JsonAsync("parked", "list"))[0].GetProperty("reason").GetString(), Is.EqualTo("Test"));

        Assert.That((await JsonAsync("parked", "retry", "--yes")).GetProperty("retried").GetInt32(), Is.EqualTo(1));
        await Eventually.TrueAsync(async () => await service.ScalarAsync("SELECT (SELECT count(*) FROM product_changes) + (SELECT count(*) FROM product_changes_parked)") is 0L);
    }

    [Test]
    public async Task LagIsTheSumOfThePartitions()
    {
        await Eventually.TrueAsync(async () => (await JsonAsync("lag")).GetProperty("total").GetInt64() == 0);

        var topics = (await JsonAsync("lag")).GetProperty("partitions").EnumerateArray().Select(partition => partition.GetProperty("topic").GetString()).Distinct();
        Assert.That(topics.Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task HotNamesTheMostReadProduct()
    {
        await Eventually.TrueAsync(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                await ReadAsync(7);
            }

            return (await JsonAsync("hot")).EnumerateArray().Any(product => product.GetProperty("id").GetString() == "7");
        });
    }

    [Test]
    public async Task TheDoctorFindsNothingOnAHealthySystem()
    {
        await Eventually.TrueAsync(async () => (await RunAsync("doctor")).ExitCode == 0);
        var checks = await JsonAsync("doctor");
        Assert.That(checks.EnumerateArray().Select(check => check.GetProperty("subject").GetString()), Is.SupersetOf(new[] { "PostgreSQL", "Redis", "Kafka", "triggers and versions", "topics", "clocks" }));
        Assert.That(checks.EnumerateArray().Select(check => check.GetProperty("result").GetString()), Is.All.EqualTo("fine"));
    }

    [Test]
    public async Task AServerThatIsAwayIsNamed()
    {
        var (exitCode, output, _) = await RunAsync([("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", $"{TestServer.FreePort()}")], "doctor");
        Assert.That((exitCode, output.Contains("FAULT    Redis", StringComparison.Ordinal), output.Contains("skipped  processes", StringComparison.Ordinal)), Is.EqualTo((1, true, true)), output);

        var (purged, _, errors) = await RunAsync([("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", $"{TestServer.FreePort()}")], "purge", "1");
        Assert.That((purged, errors.Contains("Redis", StringComparison.Ordinal)), Is.EqualTo((3, true)), errors);
    }

    [Test]
    public async Task WrongArgumentsAndSettingsAreNamed()
    {
        Assert.That((await RunAsync("show", "01")).Errors, Does.Contain("'01' is not a product id"));
        Assert.That((await RunAsync("warm", "--all", "--rate", "0")).Errors, Does.Contain("--rate must be 1 to 100000, not 0."));
        Assert.That((await RunAsync("purge")).Errors, Does.Contain("Name the products, or use --all."));
        Assert.That((await RunAsync([("DB_HOST", "")], "lag")).Errors, Does.Contain("DB_HOST is missing."));
        Assert.That((await RunAsync("keys", "new", "Shop", "products:read")).ExitCode, Is.EqualTo(2));
    }

    [Test]
    public async Task AKeyIsCreatedWithoutAnyServer()
    {
        var key = JsonDocument.Parse((await RunAsync([("DB_HOST", "")], "keys", "new", "shop", "products:read", "--json")).Output).RootElement;

        Assert.That(key.GetProperty("key").GetString(), Does.StartWith("pc_shop_"));
        Assert.That(key.GetProperty("line").GetString(), Does.StartWith("shop products:read sha256:"));
    }

    private async Task ReadAsync(long id) => Assert.That(await service.ReadAsync(id), Does.StartWith($"{{\"id\":{id},"));

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        var (_, output, errors) = await RunAsync([.. arguments, "--json"]);
        Assert.That(output, Is.Not.Empty, errors);
        return JsonDocument.Parse(output).RootElement;
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments) => RunAsync([], arguments);

    private async Task<(int ExitCode, string Output, string Errors)> RunAsync((string Name, string Value)[] settings, params string[] arguments)
    {
        using var process = Start(settings, arguments);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await errors);
    }

    private Process Start(params string[] arguments) => Start([], arguments);

    private Process Start((string Name, string Value)[] settings, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in service.Settings)
        {
            start.Environment[name] = value;
        }

        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
