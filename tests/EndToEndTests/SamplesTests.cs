using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using ProductCache.Contracts;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>What is in samples/, started as its README says, beside a running service.</summary>
[Category(TestCategories.Servers)]
public sealed class SamplesTests
{
    private readonly int pagePort = TestServer.FreePort();
    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => deployment = await Deployment.StartAsync(("CORS_ORIGINS", $"http://127.0.0.1:{pagePort}"));

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task AShopPageShowsLivePrices()
    {
        var (id, port) = (await deployment.InsertAsync("Lamp", 10m), TestServer.FreePort());
        await using var shop = Start("LivePrices", [], ("PRODUCTCACHE", Api), ("ASPNETCORE_URLS", $"http://127.0.0.1:{port}"));
        await shop.OutputAsync("Application started.");
        await using var browser = await Browser.StartAsync();
        await using var page = await browser.OpenAsync(new Uri($"http://127.0.0.1:{port}/?ids={id}"));
        var price = page.Page.Locator($"#product-{id} output");
        await Assertions.Expect(price).ToHaveTextAsync("10.00");

        await deployment.ExecuteAsync("UPDATE products SET price = 8.5 WHERE id = $1", id.Value);
        await Assertions.Expect(price).ToHaveTextAsync("8.50");
        await deployment.ExecuteAsync("DELETE FROM products WHERE id = $1", id.Value);
        await Assertions.Expect(price).ToHaveTextAsync("sold out");
    }

    [Test]
    public async Task AnotherServiceHearsOfAPriceAndReadsIt()
    {
        var id = await deployment.InsertAsync("Lamp", 10m);
        await using var alerts = Start("PriceAlerts", [], ("PRODUCTCACHE", Api), Kafka, ("GROUP", $"alerts-{Guid.NewGuid():N}"));
        await alerts.OutputAsync("assigned partitions");

        // A new group begins at the end of the topic, which is looked up a moment after the assignment.
        await Eventually.TrueAsync(
            async () =>
            {
                await deployment.ExecuteAsync("UPDATE products SET price = 9, description = $2 WHERE id = $1", id.Value, Guid.NewGuid().ToString());
                return alerts.Has($"Product {id} costs 9.00.");
            },
            () => alerts.Output);
        await deployment.ExecuteAsync("DELETE FROM products WHERE id = $1", id.Value);
        await alerts.OutputAsync($"Product {id} is gone.");
    }

    [Test]
    public async Task AJobAsksForProducts()
    {
        var (one, other) = (await deployment.InsertAsync(), await deployment.InsertAsync());

        await using var warmer = Start("CacheWarmer", [$"{one}", $"{other}"], Kafka);

        await warmer.OutputAsync("Requested 2 products.");
        await Eventually.TrueAsync(async () => await deployment.IsCachedAsync(one) && await deployment.IsCachedAsync(other));
    }

    [Test]
    public async Task AScriptRequestsAndPrintsChanges()
    {
        var id = await deployment.InsertAsync();
        var script = Path.Combine(Repository.Root, "samples", "python", "products.py");

        var request = await Command.RunAsync(["/usr/bin/python3", script, "request", $"{id}"], Eventually.Patience, configure: variables => variables["KAFKA_BOOTSTRAP"] = deployment.Kafka.Bootstrap);
        Assert.That((request.ExitCode, request.Output.Trim()), Is.EqualTo((0, "Requested 1 products.")), request.Errors);
        await Eventually.TrueAsync(() => deployment.IsCachedAsync(id));

        // Records that are not changes, in front of one that is.
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = deployment.Kafka.Bootstrap }).Build();
        using var admin = new DependentAdminClientBuilder(producer.Handle).Build();
        foreach (var partition in admin.GetMetadata(Topics.ProductChanges, Eventually.Patience).Topics.Single().Partitions)
        {
            await producer.ProduceAsync(new TopicPartition(Topics.ProductChanges, partition.PartitionId), new Message<string, string> { Key = $"{id}", Value = "not JSON" });
        }

        await deployment.ExecuteAsync("UPDATE products SET price = price + 1 WHERE id = $1", id.Value);

        await using var changes = SampleProcess.Start("/usr/bin/python3", [script, "changes"], Kafka, ("GROUP", $"python-{Guid.NewGuid():N}"));
        var version = await deployment.ScalarAsync($"SELECT version FROM products WHERE id = {id}");
        await changes.OutputAsync($"Product {id}: upserted, version {version}");
        Assert.That((await Command.RunAsync(["/usr/bin/python3", script, "request", "x"], Eventually.Patience)).ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task APageWithGeneratedTypesFollowsAProduct()
    {
        var folder = Path.Combine(Repository.Root, "samples", "typescript");
        if (!File.Exists("/usr/bin/npm") && !File.Exists("/usr/local/bin/npm"))
        {
            Assert.Ignore("This test needs Node.js 20 with npm: https://nodejs.org/");
        }

        foreach (var command in new[] { new[] { "npm", "ci", "--no-audit", "--no-fund" }, ["npm", "run", "build"] })
        {
            var result = await Command.RunAsync(command, TimeSpan.FromMinutes(2), folder);
            Assert.That(result.ExitCode, Is.Zero, result.Output + result.Errors);
        }

        var id = await deployment.InsertAsync("Lamp", 10m);
        await using var files = await ServeAsync(folder);
        await using var browser = await Browser.StartAsync();
        await using var page = await browser.OpenAsync(new Uri($"http://127.0.0.1:{pagePort}/index.html?api={Api}&id={id}"));
        await Assertions.Expect(page.Page.Locator("output")).ToHaveTextAsync("Lamp: 10.00");

        await deployment.ExecuteAsync("UPDATE products SET price = 8.5 WHERE id = $1", id.Value);
        await Assertions.Expect(page.Page.Locator("output")).ToHaveTextAsync("Lamp: 8.50");
    }

    private string Api => $"http://127.0.0.1:{deployment.ApiPort}";

    private (string Key, string Value) Kafka => ("KAFKA_BOOTSTRAP", deployment.Kafka.Bootstrap);

    private static SampleProcess Start(string name, string[] arguments, params (string Key, string Value)[] environment)
    {
        var configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!;
        return SampleProcess.Start("dotnet", [Path.Combine(Repository.Root, "samples", name, "bin", configuration, "net10.0", $"{name}.dll"), .. arguments], environment);
    }

    private async Task<WebApplication> ServeAsync(string folder)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{pagePort.ToString(CultureInfo.InvariantCulture)}");
        var host = builder.Build();
        host.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(folder) });
        await host.StartAsync();
        return host;
    }

    private sealed class SampleProcess : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> lines = new();
        private readonly Process process;

        private SampleProcess(Process process)
        {
            this.process = process;
            process.OutputDataReceived += (_, line) => lines.Enqueue(line.Data ?? string.Empty);
            process.ErrorDataReceived += (_, line) => lines.Enqueue(line.Data ?? string.Empty);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public static SampleProcess Start(string program, string[] arguments, params (string Key, string Value)[] environment)
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var (key, value) in environment)
            {
                start.Environment[key] = value;
            }

            return new SampleProcess(Process.Start(start)!);
        }

        public string Output => string.Join('\n', lines);

        public bool Has(string text) => lines.Any(line => line.Contains(text, StringComparison.Ordinal));

        /// <summary>Waits for a part of a line.</summary>
        public Task OutputAsync(string text) => Eventually.TrueAsync(() => Task.FromResult(Has(text)), () => $"{text} in:\n{Output}");

        public async ValueTask DisposeAsync()
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
