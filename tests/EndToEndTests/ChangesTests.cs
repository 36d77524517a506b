using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Npgsql;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>The way of a change from the database to the readers, with real processes and servers.</summary>
[Category(TestCategories.Servers)]
public sealed class ChangesTests
{
    private Deployment deployment = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => deployment = await Deployment.StartAsync();

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public async Task AnInsertEndsTheNotFoundOfItsProduct()
    {
        var id = TestProducts.NewId();
        using (var absent = await deployment.GetAsync(id, "wait=10"))
        {
            Assert.That(absent.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }

        await deployment.ExecuteAsync("INSERT INTO products (id, name, price) VALUES ($1, 'Coffee', 1)", id.Value);

        await BecomesAsync(id, "Coffee");
    }

    [Test]
    public async Task AnUpdateReachesACachedProduct()
    {
        var id = await CachedAsync();

        await deployment.ExecuteAsync("UPDATE products SET name = 'Coffee' WHERE id = $1", id.Value);

        await BecomesAsync(id, "Coffee");
    }

    [Test]
    public async Task AKeyOfAnotherTypeHoldsUpNoChangeAndItsProductIsFilledAnew()
    {
        var (damaged, other) = (await CachedAsync(), await CachedAsync());
        var database = deployment.RedisConnection.GetDatabase();
        await database.KeyDeleteAsync(CacheKeys.Entry(damaged));
        await database.StringSetAsync(CacheKeys.Entry(damaged), "x");
        await database.StringSetAsync(CacheKeys.Lease(damaged), "x");

        await deployment.ExecuteAsync("UPDATE products SET name = 'Coffee' WHERE id IN ($1, $2)", damaged.Value, other.Value);

        await BecomesAsync(other, "Coffee");
        await BecomesAsync(damaged, "Coffee");
    }

    [Test]
    public async Task ADeletionReachesACachedProduct()
    {
        var id = await CachedAsync();

        await deployment.ExecuteAsync("DELETE FROM products WHERE id = $1", id.Value);

        await BecomesAbsentAsync(id);
    }

    [Test]
    public async Task AnotherIdReachesBothProducts()
    {
        var (id, next) = (await CachedAsync(), TestProducts.NewId());

        await deployment.ExecuteAsync("UPDATE products SET id = $2, name = 'Coffee' WHERE id = $1", id.Value, next.Value);

        await BecomesAbsentAsync(id);
        await BecomesAsync(next, "Coffee");
    }

    [Test]
    public async Task ATruncateReachesEveryCachedProduct()
    {
        ProductId[] ids = [await CachedAsync(), await CachedAsync(), await CachedAsync()];

        await deployment.ExecuteAsync("TRUNCATE products");

        foreach (var id in ids)
        {
            await BecomesAbsentAsync(id);
        }
    }

    [Test]
    public async Task ABulkUpdateReachesWhatIsCachedAndLeavesNothingOfTheRest()
    {
        const int uncached = 3_000;
        var cached = await CachedAsync();
        var first = Random.Shared.NextInt64(1_000_000, long.MaxValue - uncached);
        await deployment.ExecuteAsync(
            "INSERT INTO products (id, name, price) SELECT $1 + n, 'Tea', 1 FROM generate_series(0, $2 - 1) AS n", first, uncached);

        await deployment.ExecuteAsync("UPDATE products SET name = 'Coffee'");

        await BecomesAsync(cached, "Coffee");
        await deployment.ChangesAreConsumedAsync();
        StackExchange.Redis.RedisKey[] keys =
        [
            .. Enumerable.Range(0, uncached).Select(n => new ProductId(first + n))
                .SelectMany(id => new StackExchange.Redis.RedisKey[] { CacheKeys.Entry(id), CacheKeys.Lease(id) }),
        ];
        Assert.That(await deployment.RedisConnection.GetDatabase().KeyExistsAsync(keys), Is.Zero);
    }

    [Test]
    public async Task ARecordThatIsNoChangeIsDeadLetteredAndThePartitionGoesOn()
    {
        const string deadLetters = Topics.ProductChanges + Topics.DeadLetterSuffix;
        var key = $"poison-{Guid.NewGuid():N}";
        string[] poison =
        [
            "not json",
            """{"productId":42,"kind":"upserted","changedAt":"2026-01-02T03:04:05Z"}""",
            """{"productId":42,"version":0,"kind":"upserted","changedAt":"2026-01-02T03:04:05Z"}""",
            """{"productId":42,"version":7,"kind":"archived","changedAt":"2026-01-02T03:04:05Z"}""",
        ];
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = deployment.Kafka.Bootstrap }).Build();
        foreach (var value in poison)
        {
            await producer.ProduceAsync(Topics.ProductChanges, new Message<string, string> { Key = key, Value = value });
        }

        await Eventually.TrueAsync(() => Letters().Count >= poison.Length);
        Assert.That(Letters().Select(letter => letter.Message.Value), Is.EquivalentTo(poison));
        await deployment.ChangesAreConsumedAsync();

        List<ConsumeResult<string, string>> Letters() => [.. deployment.ReadTopic(deadLetters).Where(letter => letter.Message.Key == key)];
    }

    [Test]
    public async Task WithoutKafkaChangesReachReadersAndArePublishedWhenItIsBack()
    {
        var (updated, deleted) = (await CachedAsync(), await CachedAsync());
        List<ProductId> many = [];
        for (var n = 0; n < 21; n++)
        {
            many.Add(await CachedAsync());
        }

        await deployment.ChangesAreConsumedAsync();
        var before = await DirectChangesAsync();
        await using (await Outage.OfAsync(deployment.Kafka))
        {
            for (var n = 1; n <= 50; n++)
            {
                await deployment.ExecuteAsync("UPDATE products SET name = $2 WHERE id = $1", updated.Value, $"Coffee {n}");
            }

            await deployment.ExecuteAsync("DELETE FROM products WHERE id = $1", deleted.Value);
            await BecomesAsync(updated, "Coffee 50");

            // What is removed is requested over Kafka, so a reader is refused meanwhile; the old product is gone.
            await Eventually.TrueAsync(async () => !await deployment.IsCachedAsync(deleted));

            // More than a single change may have: the lane of large statements.
            await deployment.ExecuteAsync("UPDATE products SET name = 'Cocoa' WHERE id = ANY($1)", many.Select(id => id.Value).ToArray());
            foreach (var id in many)
            {
                await BecomesAsync(id, "Cocoa");
            }

            Assert.That(await deployment.ScalarAsync("SELECT sum(cardinality(product_ids)) FROM product_changes"), Is.EqualTo(51 + many.Count));

            // The audit would find the old entries too, later.
            Assert.That(await DirectChangesAsync() - before, Is.AtLeast(51 + many.Count));
        }

        await BecomesAbsentAsync(deleted);
        await deployment.ChangesAreConsumedAsync();
    }

    [Test]
    public async Task TheRelayGoesOnWhenItsConnectionsAreEnded()
    {
        const int rounds = 30;
        var id = await CachedAsync();
        for (var round = 1; round <= rounds; round++)
        {
            await deployment.ExecuteAsync("UPDATE products SET name = $2 WHERE id = $1", id.Value, $"Coffee {round}");
            await deployment.ScalarAsync(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'product-cache-worker'");
        }

        await BecomesAsync(id, $"Coffee {rounds}");
        Assert.That(deployment.Worker.Process.HasExited, Is.False);
    }

    [Test]
    public async Task AKilledWorkerLosesNoChange()
    {
        const int rounds = 100;
        List<ProductId> ids = [];
        for (var n = 0; n < 20; n++)
        {
            ids.Add(await CachedAsync());
        }

        var half = new TaskCompletionSource();
        var writes = Task.Run(async () =>
        {
            await using var connection = await deployment.DataSource.OpenConnectionAsync();
            for (var round = 1; round <= rounds; round++)
            {
                foreach (var id in ids)
                {
                    await using var update = new NpgsqlCommand("UPDATE products SET name = $2 WHERE id = $1", connection);
                    update.Parameters.AddWithValue(id.Value);
                    update.Parameters.AddWithValue($"Coffee {round}");
                    await update.ExecuteNonQueryAsync();
                }

                if (round == rounds / 2)
                {
                    half.SetResult();
                }
            }
        });
        await half.Task;
        await deployment.Worker.KillAsync();
        await writes;
        await deployment.StartWorkerAsync();

        foreach (var id in ids)
        {
            await BecomesAsync(id, $"Coffee {rounds}");
        }
    }

    private async Task<long> DirectChangesAsync()
    {
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync(new Uri($"http://127.0.0.1:{deployment.WorkerPort}/metrics"));
        return metrics.Split('\n')
            .Where(line => line.StartsWith("productcache_changes_direct_total{", StringComparison.Ordinal))
            .Sum(line => (long)double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    private async Task<ProductId> CachedAsync()
    {
        var id = await deployment.InsertAsync();
        await deployment.FillAsync(id);
        return id;
    }

    private Task BecomesAsync(ProductId id, string name) => Eventually.TrueAsync(
        async () =>
        {
            using var answer = await deployment.GetAsync(id);
            return answer.StatusCode == HttpStatusCode.OK
                && JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["name"]!.GetValue<string>() == name;
        },
        $"{id} answered as {name}");

    private Task BecomesAbsentAsync(ProductId id) => Eventually.TrueAsync(
        async () =>
        {
            using var answer = await deployment.GetAsync(id);
            return answer.StatusCode == HttpStatusCode.NotFound;
        },
        $"{id} answered as not found");
}
