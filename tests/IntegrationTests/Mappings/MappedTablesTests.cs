using System.Net;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>Tables and triggers that are not as the mapping needs them: repaired by the Worker, or as it says.</summary>
[TestFixture("on")]
[TestFixture("off")]
public sealed class MappedTablesTests(string migrates)
{
    private ServedShop shop = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => shop = await ServedShop.StartAsync(migrates);

    [OneTimeTearDown]
    public Task StopAsync() => shop.DisposeAsync().AsTask();

    [SetUp]
    public Task MendAsync() => shop.MendAsync();

    [TestCase("ALTER TABLE shop.products RENAME TO away", "UPDATE shop.away SET title = 'Meanwhile' WHERE id = 'b'; ALTER TABLE shop.away RENAME TO products")]
    [TestCase("CREATE TABLE shop.away AS TABLE shop.products; DROP TABLE shop.products", "UPDATE shop.away SET title = 'Meanwhile' WHERE id = 'b'; ALTER TABLE shop.away RENAME TO products; ALTER TABLE shop.products ADD PRIMARY KEY (id)")]
    public async Task WhileATableIsAwayWhatIsCachedIsServedAndTheWorkerSaysWhy(string remove, string restore)
    {
        await shop.ExecuteAsync(remove);

        await NotReadyAsync("The watched table shop.products does not exist.");
        await shop.ServedAsync("a", "Product a");
        await shop.ServedAsync("b", "Product b");

        await shop.ExecuteAsync(restore);
        await RepairAsync("is missing", isMissing: remove.Contains("DROP", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => (await shop.ReadyAsync()).Status == HttpStatusCode.OK);
        await shop.ServedAsync("b", "Meanwhile");
        await shop.ExecuteAsync("UPDATE shop.products SET title = 'Afterwards' WHERE id = 'a'");
        await shop.ServedAsync("a", "Afterwards");
    }

    [Test]
    public async Task AColumnThatIsAwayIsNamed()
    {
        await shop.ExecuteAsync("ALTER TABLE shop.notes RENAME product_id TO id");

        await NotReadyAsync("PostgreSQL refuses the SELECT of the mapping shop.sql: column n.product_id does not exist (SQLSTATE 42703)");

        await shop.ExecuteAsync("ALTER TABLE shop.notes RENAME id TO product_id");
        await Eventually.TrueAsync(async () => (await shop.ReadyAsync()).Status == HttpStatusCode.OK);
    }

    [TestCase("ALTER TABLE shop.products DISABLE TRIGGER USER", "_update on shop.products is disabled.")]
    [TestCase("DO $$ DECLARE name text; BEGIN SELECT tgname INTO name FROM pg_trigger WHERE tgname LIKE '%update' AND tgrelid = 'shop.products'::regclass; EXECUTE format('DROP TRIGGER %I ON shop.products', name); END $$", "_update on shop.products is missing.")]
    [TestCase("DROP TRIGGER product_draw_versions ON product_cache.product_touches", "The trigger product_draw_versions is missing or disabled.")]
    [TestCase("ALTER TABLE product_cache.product_touches DISABLE TRIGGER product_draw_versions", "The trigger product_draw_versions is missing or disabled.")]
    public async Task ATriggerThatIsMissingIsFoundAndEntriesThatMissedChangesAreCorrected(string change, string sentence)
    {
        await shop.ExecuteAsync($"{change}; UPDATE shop.products SET title = 'Unseen' WHERE id IN ('a', 'b')");

        await RepairAsync(sentence, isMissing: true);

        await shop.ServedAsync("a", "Unseen");
        await shop.ServedAsync("b", "Unseen");
        await Eventually.TrueAsync(async () => (await shop.ReadyAsync()).Status == HttpStatusCode.OK);
        Assert.That(await shop.IsInstalledAsync(), Is.True);
        await shop.ExecuteAsync("UPDATE shop.products SET title = 'Seen' WHERE id = 'a'");
        await shop.ServedAsync("a", "Seen");
    }

    /// <summary>By the Worker, or as the Worker says.</summary>
    private async Task RepairAsync(string sentence, bool isMissing)
    {
        if (migrates == "on" || !isMissing)
        {
            await Eventually.TrueAsync(shop.IsInstalledAsync);
            return;
        }

        await NotReadyAsync(sentence);
        Assert.That((await shop.ReadyAsync()).Body, Does.Contain("Run productcache mapping install, or set DB_MIGRATE=on"));
        Assert.That(await shop.IsInstalledAsync(), Is.False);
        await shop.InstallAsync();
    }

    private async Task NotReadyAsync(string sentence)
    {
        var last = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                (var status, last) = await shop.ReadyAsync();
                return status == HttpStatusCode.ServiceUnavailable && last.Contains(sentence, StringComparison.Ordinal);
            },
            () => $"{sentence} Instead: {last}");
    }
}
