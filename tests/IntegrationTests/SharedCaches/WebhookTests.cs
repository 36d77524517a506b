using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProductCache.Application;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.SharedCaches;

/// <summary>Changes at a webhook that is of another company.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class WebhookTests
{
    private const int Refused = 13;

    private readonly RecordedLog log = new();
    private RunningService service = null!;
    private FakeHttpServer webhook = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        webhook = await FakeHttpServer.StartAsync((request, http) =>
        {
            http.Response.StatusCode = IdsOf(request).Contains(Refused) ? 410 : 200;
            return Task.CompletedTask;
        });
        service = await RunningService.StartAsync(
            services => services.AddLogging(logging => logging.AddProvider(log)),
            ("PURGE", "webhook"),
            ("PURGE_WEBHOOK_URL", webhook.Url.ToString()),
            ("PURGE_WEBHOOK_SECRET", "a secret of the tests"),
            ("PURGE_CONFIRM_SECONDS", "2"));
        await service.ExecuteAsync("INSERT INTO products (id, name, price) SELECT id, 'Tea', 1 FROM generate_series(1, 20) id");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await service.DisposeAsync();
        await webhook.DisposeAsync();
        log.Dispose();
    }

    [Test]
    public async Task EachChangeComesTwiceAndARefusedOneIsADeadLetter()
    {
        await Eventually.TrueAsync(() => Enumerable.Range(1, 20).Where(id => id != Refused).All(id => DeliveriesOf(id) >= 2), "two deliveries of each change");

        Assert.That(log.Lines, Has.Some.Match($"webhook refuses to purge product {Refused}: 127.0.0.1:{webhook.Port} answered 410"));
        await using var tools = ProductCache.Infrastructure.Tools.ToolRegistration.BuildTools(TestSettings.Of(service.Settings.Select(setting => (setting.Key, setting.Value))));
        IReadOnlyList<DeadLetter> letters = [];
        await Eventually.TrueAsync(async () => (letters = await tools.GetRequiredService<IDeadLetters>().ListAsync(10, default)).Count > 0);
        Assert.That(letters.Select(letter => letter.Key), Is.EqualTo(new[] { $"{Refused}" }));
        Assert.That(letters[0].Reason, Does.Contain("answered 410"));
    }

    [Test]
    public async Task TheVerbPurgeReachesIt()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "productcache.dll");
        var purge = await Command.RunAsync(["dotnet", program, "purge", "5"], Eventually.Patience, configure: variables =>
        {
            foreach (var (name, value) in service.Settings)
            {
                variables[name] = value;
            }
        });

        Assert.That(purge.ExitCode, Is.Zero, purge.Output + purge.Errors);
        Assert.That(webhook.Requests.Select(request => request.Body), Has.Some.Contains("""{"products":[{"id":5,"tag":"product-5"}]}"""));
    }

    private static IEnumerable<long> IdsOf(ReceivedRequest request) =>
        JsonNode.Parse(request.Body)!["data"]!["products"]!.AsArray().Select(product => product!["id"]!.GetValue<long>());

    private int DeliveriesOf(long id) => webhook.Requests.Count(request => !IdsOf(request).Contains(Refused) && IdsOf(request).Contains(id));
}
