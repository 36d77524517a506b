using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;
using ProductCache.IntegrationTests.Postgres;
using ProductCache.IntegrationTests.Redis;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests;

/// <summary>What becomes of a database that is not any more what the cache was filled from. On PostgreSQL and Redis.</summary>
public sealed class AuditTests
{
    private TestDatabase database = null!;
    private ConnectionMultiplexer redis = null!;
    private GuardedCache cache = null!;
    private StoreAudit store = null!;
    private AuditStoreHandler audit = null!;
    private List<string> heard = null!;

    [SetUp]
    public async Task SetUpAsync()
    {
        database = await TestDatabase.CreateMigratedAsync();
        var server = await SharedServers.Redis;
        redis = await ConnectionMultiplexer.ConnectAsync($"{server.Host}:{server.Port},allowAdmin=true");
        foreach (var endPoint in redis.GetServers())
        {
            await endPoint.FlushAllDatabasesAsync();
        }

        heard = [];
        var queue = await redis.GetSubscriber().SubscribeAsync(RedisNames.Default.Channel);
        queue.OnMessage(message =>
        {
            lock (heard)
            {
                heard.Add(message.Message!);
            }
        });
        cache = new GuardedCache(redis, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout);
        store = new StoreAudit(database.DataSource, database.Contexts, new VersionRepair(database.DataSource));
        audit = NewAudit(store);
        await database.ExecuteAsync("INSERT INTO products (id, name, price) SELECT n, 'Tea', n FROM generate_series(1, 5) AS n");
        await FillAsync(1, 2, 3, 4, 5, 99);
        await AuditAsync();
    }

    [TearDown]
    public async Task TearDownAsync()
    {
        await redis.DisposeAsync();
        await database.DisposeAsync();
    }

    [Test]
    public async Task AnAuditThatFindsNothingTouchesNothing()
    {
        var result = await AuditAsync();

        Assert.That(result, Is.EqualTo(new AuditStoreResult([], 0, 0)).Using<AuditStoreResult>(Same));
        Assert.That(await CachedAsync(), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 99 }));
    }

    [TestCase("SELECT setval('product_version_seq', 2)")]
    [TestCase("SELECT setval('product_version_seq', 1, false)")]
    public async Task VersionsThatWentBackMoveBeyondTheHighestAndEveryEntryIsDropped(string sql)
    {
        var highest = await LastVersionAsync();
        await cache.TakeLeaseAsync(new ProductId(7), default);
        await database.ExecuteAsync(sql);

        var result = await AuditAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Repairs.Single(), Does.Contain("older state").And.Contain($"{highest}"));
            Assert.That(await CachedAsync(), Is.Empty);
            Assert.That(await redis.GetDatabase().KeyExistsAsync(CacheKeys.Lease(new ProductId(7))), Is.False);
            Assert.That(await LastVersionAsync(), Is.EqualTo(highest + AuditStoreHandler.Margin));
        }

        Assert.That((await AuditAsync()).Repairs, Is.Empty);
    }

    [Test]
    public async Task NearCachesDropEverythingWhenVersionsWentBack()
    {
        await new CacheNotifications(redis, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout).HeartbeatAsync(default);
        await database.ExecuteAsync("SELECT setval('product_version_seq', 2)");

        await AuditAsync();

        await TestSupport.Eventually.TrueAsync(() =>
        {
            lock (heard)
            {
                return heard.Select(message => message.Split(' ')[0]).Distinct().Count() == 2;
            }
        });
    }

    [Test]
    public async Task AVersionThatOnlyThisProcessHasReadIsRememberedAsWell()
    {
        await database.ExecuteAsync("UPDATE products SET price = price + 1");
        var seen = new VersionHighWater();
        await new ProductStore(database.DataSource, ProductStatement.BuiltIn, seen, new VersionRepair(database.DataSource)).ReadAsync([new ProductId(5)], default);
        var highest = await LastVersionAsync();
        await database.ExecuteAsync("SELECT setval('product_version_seq', $1)", highest - 1);

        var result = await NewAudit(store, seen).Handle(new AuditStore(WithRows: false), default);

        Assert.That(result.Repairs, Has.Count.EqualTo(1));
        Assert.That(await LastVersionAsync(), Is.GreaterThan(highest));
    }

    [TestCase("ALTER TABLE products DISABLE TRIGGER products_record_update", "products_record_update is disabled")]
    [TestCase("ALTER TABLE products ENABLE TRIGGER products_draw_version_anew", "products_draw_version_anew is enabled as O instead of A")]
    [TestCase("ALTER TABLE products DISABLE TRIGGER USER; ALTER TABLE products ENABLE TRIGGER USER", "products_record_replicated_row")]
    [TestCase("DROP TRIGGER products_record_delete ON products", "products_record_delete is missing")]
    [TestCase("ALTER TABLE product_changes DISABLE TRIGGER product_changes_notify", "product_changes_notify is disabled")]
    [TestCase("ALTER TABLE products RENAME TO old_products; CREATE TABLE products (LIKE old_products INCLUDING ALL); INSERT INTO products SELECT * FROM old_products", "products_draw_version is missing")]
    [TestCase("ALTER SEQUENCE product_version_seq CACHE 50", "CACHE 50")]
    [TestCase("ALTER SEQUENCE product_version_seq INCREMENT 2", "INCREMENT 2")]
    [TestCase("ALTER SEQUENCE product_version_seq CYCLE", "CYCLE True")]
    public async Task WhatIsMissingOrWeakenedIsPutBack(string sql, string fault)
    {
        await database.ExecuteAsync(sql);

        var result = await AuditAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Repairs, Has.Some.Contains(fault));
            Assert.That(result.Compared, Is.EqualTo(6));
            Assert.That(result.Corrected, Is.Zero);
        }

        Assert.That((await store.InspectAsync(default)).Faults, Is.Empty);
        Assert.That(await AuditAsync(), Is.EqualTo(new AuditStoreResult([], 0, 0)).Using<AuditStoreResult>(Same));
    }

    [Test]
    public async Task WhatChangedWhileTheTriggersWereGoneIsFoundByComparing()
    {
        await database.ExecuteAsync(
            """
            ALTER TABLE products DISABLE TRIGGER USER;
            UPDATE products SET price = 9 WHERE id = 2;
            DELETE FROM products WHERE id = 3;
            INSERT INTO products (id, name, price) VALUES (99, 'Tea', 1);
            DELETE FROM product_changes;
            """);
        var before = await VersionAsync(2);

        var result = await AuditAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.Compared, result.Corrected), Is.EqualTo((6, 3)));
            Assert.That(await CachedAsync(), Is.EqualTo(new[] { 1, 4, 5 }));
            Assert.That(await VersionAsync(2), Is.GreaterThan(before), "another content has another version");
            Assert.That(await VersionAsync(99), Is.Positive);
            Assert.That(await database.QueryAsync<bool>("SELECT '{2,99}' <@ array_agg(id) FROM (SELECT unnest(product_ids) AS id FROM product_changes) AS changes"), Is.True);
        }

        await TestSupport.Eventually.TrueAsync(() =>
        {
            lock (heard)
            {
                return heard.Where(message => message.Contains(" changed ", StringComparison.Ordinal))
                    .SelectMany(message => message.Split(' ')[3].Split(',')).ToHashSet().SetEquals(["2", "3", "99"]);
            }
        });
    }

    [Test]
    public async Task ARestoredTableIsComparedThoughItsVersionsDidNotGoBack()
    {
        await database.ExecuteAsync(
            """
            CREATE TABLE backup AS SELECT * FROM products;
            UPDATE products SET price = 9 WHERE id = 2;
            """);
        await FillAgainAsync(2);
        await database.ExecuteAsync(
            """
            ALTER TABLE products RENAME TO lost;
            CREATE TABLE products (LIKE lost INCLUDING ALL);
            INSERT INTO products SELECT * FROM backup;
            """);
        await store.RepairAsync(default);

        var result = await AuditAsync();

        Assert.That((result.Compared, result.Corrected), Is.EqualTo((6, 1)));
        Assert.That(await CachedAsync(), Is.EqualTo(new[] { 1, 3, 4, 5, 99 }));
    }

    [Test]
    public async Task AComparisonThatWasCutOffIsMadeByTheNextAudit()
    {
        await database.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER; UPDATE products SET price = 9 WHERE id = 2");

        Assert.That(() => NewAudit(store, products: new SilentStore()).Handle(new AuditStore(WithRows: false), default), Throws.TypeOf<UnavailableException>());
        Assert.That((await store.InspectAsync(default)).Faults, Is.Empty);

        Assert.That((await AuditAsync()).Corrected, Is.EqualTo(1));
    }

    [Test]
    public async Task ARoleThatMayNotRepairSaysWhy()
    {
        var role = $"reader_{Guid.NewGuid():N}";
        await database.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT SELECT, UPDATE ON products TO {role}; GRANT SELECT ON product_version_seq, \"__EFMigrationsHistory\" TO {role}");
        await using var poor = database.As(role, "secret");
        var ofPoor = new StoreAudit(poor.DataSource, poor.Contexts, new VersionRepair(poor.DataSource));
        Assert.That((await NewAudit(ofPoor).Handle(new AuditStore(WithRows: false), default)).Repairs, Is.Empty);

        await database.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER");

        Assert.That(
            () => NewAudit(ofPoor).Handle(new AuditStore(WithRows: false), default),
            Throws.TypeOf<StoreNotRepairedException>().With.Message.Contains("must be owner").And.Message.Contains("42501"));
        await poor.DisposeAsync();
        await database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    [Test]
    public async Task ATableThatIsLockedIsNotWaitedForByAllWriters()
    {
        await using var holder = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using (var write = new Npgsql.NpgsqlCommand("UPDATE products SET price = 7 WHERE id = 1", holder, transaction))
        {
            await write.ExecuteNonQueryAsync();
        }

        Assert.That(() => store.RepairAsync(default), Throws.TypeOf<StoreNotRepairedException>().With.Message.Contains("55P03"));
    }

    [Test]
    public async Task RowsWithoutAVersionGetOneAtTheStart()
    {
        await database.ExecuteAsync("ALTER TABLE products DISABLE TRIGGER USER; UPDATE products SET version = 0 WHERE id IN (1, 2)");
        await store.RepairAsync(default);

        var result = await audit.Handle(new AuditStore(WithRows: true), default);

        Assert.That(result.Repairs, Has.Some.EqualTo("2 products had no version and got one."));
        Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM products WHERE version = 0"), Is.Zero);
    }

    [TestCase("SET", "text")]
    [TestCase("HSET", "version", "many")]
    [TestCase("SADD", "member")]
    public async Task ADamagedMarkerIsForgotten(string command, params string[] arguments)
    {
        RedisKey marker = "product-cache:store";
        await redis.GetDatabase().KeyDeleteAsync(marker);
        await redis.GetDatabase().ExecuteAsync(command, [marker, .. arguments]);

        Assert.That((await AuditAsync()).Repairs, Is.Empty);
        Assert.That((long)await redis.GetDatabase().HashGetAsync(marker, "version"), Is.EqualTo(await LastVersionAsync()));
    }

    [Test]
    public async Task AVersionThatCannotHaveBeenDrawnIsNotFollowed()
    {
        await redis.GetDatabase().HashSetAsync("product-cache:store", "version", ProductVersion.Max);

        Assert.That(() => AuditAsync(), Throws.TypeOf<StoreNotRepairedException>().With.Message.Contains("beyond the largest version"));
    }

    private static bool Same(AuditStoreResult one, AuditStoreResult other) =>
        one.Repairs.SequenceEqual(other.Repairs) && (one.Compared, one.Corrected) == (other.Compared, other.Corrected);

    private Task<AuditStoreResult> AuditAsync() => audit.Handle(new AuditStore(WithRows: false), default);

    private AuditStoreHandler NewAudit(StoreAudit storeAudit, VersionHighWater? seen = null, IProductStore? products = null)
    {
        var notifications = new CacheNotifications(redis, RedisScripts.Default, RedisGuardedCacheSpecification.Timeout);
        return new AuditStoreHandler(
            storeAudit,
            new CacheAudit(redis, notifications, RedisGuardedCacheSpecification.Timeout, RedisNames.Default),
            products ?? new ProductStore(database.DataSource, ProductStatement.BuiltIn, new VersionHighWater(), new VersionRepair(database.DataSource)),
            cache,
            notifications,
            seen ?? new VersionHighWater());
    }

    private async Task FillAgainAsync(long id)
    {
        await cache.RemoveAsync([new ProductId(id)], default);
        await FillAsync(id);
    }

    private async Task FillAsync(params IEnumerable<long> ids)
    {
        var all = ids.Select(id => new ProductId(id)).ToList();
        var rows = await new ProductStore(database.DataSource, ProductStatement.BuiltIn, new VersionHighWater(), new VersionRepair(database.DataSource)).ReadAsync(all, default);
        var claims = await cache.ClaimAsync([.. all.Select(id => new ClaimRequest(id, []))], default);
        await cache.FillAsync(
            [.. claims.Select(claim => new Fill(claim!.Value, rows.Products.TryGetValue(claim.Value.Id, out var row)
                ? CachedProduct.Of(row, DateTimeOffset.UtcNow, TimeSpan.FromMinutes(10))
                : CachedProduct.Absent(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(10))))],
            default);
    }

    private async Task<int[]> CachedAsync()
    {
        List<int> cached = [];
        foreach (var id in new[] { 1, 2, 3, 4, 5, 99 })
        {
            if (await redis.GetDatabase().KeyExistsAsync(CacheKeys.Entry(new ProductId(id))))
            {
                cached.Add(id);
            }
        }

        return [.. cached];
    }

    private sealed class SilentStore : IProductStore
    {
        public Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) =>
            Task.FromException<StoreRead>(new UnavailableException(Dependency.Store));
    }

    private Task<long> LastVersionAsync() => database.QueryAsync<long>("SELECT last_value FROM product_version_seq");

    private Task<long> VersionAsync(long id) =>
        database.QueryAsync<long>(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"SELECT version FROM products WHERE id = {id}"));
}
