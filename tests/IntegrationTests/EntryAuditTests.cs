using MediatR;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using ProductCache.Worker;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests;

/// <summary>What no change corrects, the audit of entries finds and corrects.</summary>
public sealed class EntryAuditTests
{
    private RunningService service = null!;
    private ConnectionMultiplexer redis = null!;
    private IMediator mediator = null!;
    private string keys = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        service = await RunningService.StartAsync(null, (EntryAuditOptions.Setting, "0"), (ShadowReadOptions.Setting, "100"), ("NEAR_CACHE_MB", "0"));
        var server = await SharedServers.Redis;
        redis = await ConnectionMultiplexer.ConnectAsync($"{server.Host}:{server.Port}");
        mediator = service.WorkerServices.GetRequiredService<IMediator>();
        keys = $"{service.Settings["CACHE_NAMESPACE"]}:";
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await redis.DisposeAsync();
        await service.DisposeAsync();
    }

    [Test]
    public async Task WhatIsRightIsNoDifference()
    {
        await FillAsync(1);
        await FillAsync(404, exists: false);

        Assert.That((await AuditAsync(1)).Differences, Is.Empty);
        Assert.That((await AuditAsync(404)).Differences, Is.Empty);
    }

    [Test]
    public async Task AnEntryMadeByHandIsRemoved()
    {
        await FillAsync(2);
        await service.SpoilAsync(2);

        var result = await AuditAsync(2);

        Assert.That(result.Differences.Single().Text, Does.Contain("another content"));
        Assert.That(await StoredAsync(2), Does.Not.Contain("Bad"));
        await Eventually.TrueAsync(async () => (await service.ReadAsync(2)).Contains("Tea", StringComparison.Ordinal));
    }

    [Test]
    public async Task WithoutRepairItIsToldAndKept()
    {
        await FillAsync(3);
        await service.SpoilAsync(3);

        var result = await AuditAsync(3, repair: false);

        Assert.That(result.Differences, Has.Count.EqualTo(1));
        Assert.That(result.Repaired, Is.Zero);
        Assert.That(await StoredAsync(3), Does.Contain("Bad"));
        await AuditAsync(3);
    }

    [Test]
    public async Task AnEntryOfAnOlderStateOfRedisIsReplaced()
    {
        await FillAsync(4);
        var old = await redis.GetDatabase().KeyDumpAsync($"{keys}product:{{4}}");
        await service.ExecuteAsync("UPDATE products SET name = 'Newer' WHERE id = 4");
        await Eventually.TrueAsync(async () => (await service.ReadAsync(4)).Contains("Newer", StringComparison.Ordinal));
        await redis.GetDatabase().KeyDeleteAsync($"{keys}product:{{4}}");
        await redis.GetDatabase().KeyRestoreAsync($"{keys}product:{{4}}", old!, TimeSpan.FromMinutes(5));

        var result = await AuditAsync(4);

        Assert.That(result.Differences.Single().Text, Does.Contain("older version"));
        Assert.That(await StoredAsync(4), Does.Contain("Newer"), "It is replaced, not removed.");
        await Eventually.TrueAsync(async () => (await service.ReadAsync(4)).Contains("Newer", StringComparison.Ordinal));
    }

    [Test]
    public async Task ARowThatChangedWithoutTriggersIsSeen()
    {
        await FillAsync(5);
        await service.ExecuteAsync(
            """
            ALTER TABLE products DISABLE TRIGGER USER;
            UPDATE products SET name = 'Unseen' WHERE id = 5;
            ALTER TABLE products ENABLE TRIGGER USER;
            """);

        var result = await AuditAsync(5);

        Assert.That(result.Repaired, Is.EqualTo(1));
        await Eventually.TrueAsync(async () => (await service.ReadAsync(5)).Contains("Unseen", StringComparison.Ordinal));
    }

    [Test]
    public async Task TheEntryOfADeletedRowIsRemoved()
    {
        await FillAsync(6);
        await service.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER; DELETE FROM products WHERE id = 6; ALTER TABLE products ENABLE TRIGGER USER;");

        Assert.That((await AuditAsync(6)).Differences.Single().Text, Does.Contain("no row"));
        await Eventually.TrueAsync(async () => (await service.ReadAsync(6)).Contains("There is no product 6", StringComparison.Ordinal));
    }

    [Test]
    public async Task AChangeThatIsOnItsWayIsNoDifference()
    {
        await FillAsync(7);
        var audit = service.WorkerServices.GetRequiredService<ICacheAudit>();
        var before = await audit.ReadEntriesAsync([new ProductId(7)], default);
        await service.ExecuteAsync("UPDATE products SET name = 'On its way' WHERE id = 7");
        await Eventually.TrueAsync(async () => (await service.ReadAsync(7)).Contains("On its way", StringComparison.Ordinal));

        Assert.That((await mediator.Send(new CompareEntries(before))).Keys, Does.Contain(new ProductId(7)), "At the first look it differs.");
        Assert.That((await mediator.Send(new ConfirmDifferences(before, Repair: true))).Differences, Is.Empty);
    }

    [Test]
    public async Task AHitThatIsWrongIsFoundByItsShadowRead()
    {
        await FillAsync(9);
        await service.SpoilAsync(9);
        await Eventually.TrueAsync(async () =>
        {
            await service.ReadAsync(9);
            return !(await StoredAsync(9)).Contains("Bad", StringComparison.Ordinal);
        });

        Assert.That(await service.Api.GetStringAsync(new Uri("/metrics", UriKind.Relative)), Does.Contain("productcache_shadow_reads_total"));
    }

    [Test]
    public async Task TheWorkerSweepsByItself()
    {
        // A second Worker, of the same deployment.
        await using var worker = WorkerHost.Build([.. service.Settings
            .Where(setting => setting.Key is not ("WORKER_PORT" or EntryAuditOptions.Setting))
            .Append(new("WORKER_PORT", $"{TestServer.FreePort()}"))
            .Select(setting => $"--{setting.Key}={setting.Value}")]);
        await FillAsync(8);
        await service.SpoilAsync(8);
        await worker.StartAsync();

        await Eventually.TrueAsync(async () => !(await StoredAsync(8)).Contains("Bad", StringComparison.Ordinal));
    }

    private async Task<ConfirmDifferencesResult> AuditAsync(long id, bool repair = true)
    {
        var entries = await service.WorkerServices.GetRequiredService<ICacheAudit>().ReadEntriesAsync([new ProductId(id)], default);
        return await mediator.Send(new ConfirmDifferences(await mediator.Send(new CompareEntries(entries)), repair));
    }

    private async Task FillAsync(long id, bool exists = true)
    {
        if (exists)
        {
            await service.ExecuteAsync($"INSERT INTO products (id, name, price) VALUES ({id}, 'Tea', 1)");
        }

        await service.ReadAsync(id);
    }

    private async Task<string> StoredAsync(long id) => (string?)await redis.GetDatabase().HashGetAsync($"{keys}product:{{{id}}}", "data") ?? string.Empty;
}
