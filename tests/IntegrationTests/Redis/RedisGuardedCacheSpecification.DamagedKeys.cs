using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>Keys of a product that are not as the scripts write them: removed by whatever step meets them, and no obstacle to other products.</summary>
public abstract partial class RedisGuardedCacheSpecification
{
    private static readonly string[] Steps = ["lease", "early", "renew", "claim", "fill", "change", "refresh", "release", "remove"];

    private static readonly Dictionary<string, Func<IDatabase, RedisKey, Task>> TypeDamages = new()
    {
        ["a string"] = (database, key) => database.StringSetAsync(key, "x", Lifetime),
        ["a list"] = (database, key) => database.ListRightPushAsync(key, "x"),
        ["a set without expiry"] = (database, key) => database.SetAddAsync(key, "x"),
        ["an empty looking hash"] = (database, key) => database.HashSetAsync(key, "x", "x"),
    };

    private static readonly Dictionary<string, Func<IDatabase, RedisKey, Task>> EntryDamages = new()
    {
        ["no expiry"] = (database, key) => database.KeyPersistAsync(key),
        ["no rank"] = (database, key) => database.HashDeleteAsync(key, "rank"),
        ["no data"] = (database, key) => database.HashDeleteAsync(key, "data"),
        ["no end"] = (database, key) => database.HashDeleteAsync(key, "absexp"),
        ["no sliding end"] = (database, key) => database.HashDeleteAsync(key, "sldexp"),
        ["empty data"] = (database, key) => database.HashSetAsync(key, "data", string.Empty),
        ["an end that is no number"] = (database, key) => database.HashSetAsync(key, "absexp", "soon"),
        ["an end beyond the year 9999"] = (database, key) => database.HashSetAsync(key, "absexp", "3155378976000000000"),
        ["a sliding end"] = (database, key) => database.HashSetAsync(key, "sldexp", TimeSpan.TicksPerDay),
        ["a rank that is no number"] = (database, key) => database.HashSetAsync(key, "rank", "ten"),
        ["a negative rank"] = (database, key) => database.HashSetAsync(key, "rank", -10),
        ["a rank with a fraction"] = (database, key) => database.HashSetAsync(key, "rank", "10.0"),
        ["a rank with a leading zero"] = (database, key) => database.HashSetAsync(key, "rank", "010"),
        ["a rank that no version has"] = (database, key) => database.HashSetAsync(key, "rank", "9007199254740992"),
        ["a rank of another version"] = (database, key) => database.HashSetAsync(key, "rank", "12"),
    };

    private static readonly Dictionary<string, Func<IDatabase, RedisKey, Task>> LeaseDamages = new()
    {
        ["no expiry"] = (database, key) => database.KeyPersistAsync(key),
        ["no token"] = (database, key) => database.HashDeleteAsync(key, "token"),
        ["an empty token"] = (database, key) => database.HashSetAsync(key, "token", string.Empty),
        ["no floor"] = (database, key) => database.HashDeleteAsync(key, "floor"),
        ["a floor that is no number"] = (database, key) => database.HashSetAsync(key, "floor", "ten"),
        ["a negative floor"] = (database, key) => database.HashSetAsync(key, "floor", -1),
        ["a floor that no version has"] = (database, key) => database.HashSetAsync(key, "floor", "9007199254740992"),
    };

    public static IEnumerable<TestCaseData> DamagedEntries() =>
        from damage in TypeDamages.Keys.Concat(EntryDamages.Keys)
        from step in Steps.Except(["release"])
        select new TestCaseData(damage, step);

    public static IEnumerable<TestCaseData> DamagedLeases() =>
        from damage in TypeDamages.Keys.Concat(LeaseDamages.Keys)
        from step in Steps
        select new TestCaseData(damage, step);

    [TestCaseSource(nameof(DamagedEntries))]
    public async Task AnEntryThatIsNotAsItIsWrittenIsRemovedAndCountsAsMissing(string damage, string step)
    {
        var (id, other) = (NewId(), NewId());
        var entry = Entry(id, version: 5);
        await StoreAsync(other, 5);
        await StoreAsync(id, 5);
        var claim = step == "fill" ? await ClaimOverAsync(id, entry) : default;
        await DamageAsync(CacheKeys.Entry(id), damage, EntryDamages);

        await TakeStepAsync(step, id, other, entry, claim, hasEntry: false);

        Assert.That(await Database.KeyExistsAsync(CacheKeys.Entry(id)), Is.EqualTo(step == "fill"));
    }

    [TestCaseSource(nameof(DamagedLeases))]
    public async Task ALeaseThatIsNotAsItIsWrittenIsRemovedAndCountsAsMissing(string damage, string step)
    {
        var (id, other) = (NewId(), NewId());
        var entry = Entry(id, version: 5);
        await StoreAsync(other, 5);
        var claim = (await cache.ClaimAsync([id], default))[0]!.Value;
        if (step == "early")
        {
            await cache.FillAsync([new Fill(claim, entry)], default);
            await ClaimOverAsync(id, entry);
        }

        await DamageAsync(CacheKeys.Lease(id), damage, LeaseDamages);

        await TakeStepAsync(step, id, other, entry, claim, hasEntry: step == "early", hasLease: false);

        // A lease that a step has made anew is as the steps write it.
        var created = step is "lease" or "early" or "renew" or "claim";
        Assert.That(await Database.KeyExistsAsync(CacheKeys.Lease(id)), Is.EqualTo(created));
        Assert.That(!created || await Database.KeyTimeToLiveAsync(CacheKeys.Lease(id)) is not null);
        Assert.That(await Database.HashGetAsync(CacheKeys.Lease(id), "floor"), Is.EqualTo(created ? (RedisValue)0 : RedisValue.Null));
    }

    [Test]
    public async Task AnEntryThatCannotBeReadIsAMiss([Values("a string", "a list", "an end that is no number", "an end beyond the year 9999", "no data")] string damage)
    {
        var id = NewId();
        await StoreAsync(id, 5);
        await DamageAsync(CacheKeys.Entry(id), damage, EntryDamages);

        Assert.That(await new ReadOnlyRedisCache(redisCache, Timeout).GetAsync(CacheKeys.Entry(id)), Is.Null);
    }

    [Test]
    public async Task AnErrorReplyAboutOneProductRemovesItsKeysAndTheStepIsTakenOnceMore()
    {
        ProductId[] ids = [NewId(), NewId(), NewId()];
        foreach (var id in ids)
        {
            await StoreAsync(id, 5);
        }

        var results = await WithFaultAt(ids[1], whileKeysExist: true).InvalidateAsync([.. ids.Select(id => Upsert(id, 6))], default);

        Assert.That(
            results.Select(result => result.Outcome),
            Is.EqualTo(new[] { ChangeOutcome.Stale, ChangeOutcome.Current, ChangeOutcome.Stale }));
        Assert.That(await Database.KeyExistsAsync(CacheKeys.Entry(ids[1])), Is.False);
    }

    [Test]
    public async Task AnErrorReplyThatStaysGoesUpAsItIsAfterAllOthersWereProcessed()
    {
        ProductId[] ids = [NewId(), NewId(), NewId()];
        foreach (var id in ids)
        {
            await StoreAsync(id, 5);
        }

        Assert.ThrowsAsync<RedisServerException>(
            () => WithFaultAt(ids[1], whileKeysExist: false).InvalidateAsync([.. ids.Select(id => Deletion(id, 6))], default));

        Assert.That(await Task.WhenAll(ids.Select(id => Database.KeyExistsAsync(CacheKeys.Entry(id)))), Is.All.False);
    }

    /// <summary>A cache on which the change of one product fails.</summary>
    private GuardedCache WithFaultAt(ProductId id, bool whileKeysExist)
    {
        var condition = whileKeysExist ? " and redis.call('EXISTS', KEYS[1]) == 1" : string.Empty;
        var fault = $"if KEYS[1] == '{CacheKeys.Entry(id)}'{condition} then return redis.error_reply('ERR a fault of this key') end\n";
        return new GuardedCache(connection, Scripts with { Change = fault + Scripts.Change }, Timeout);
    }

    private async Task DamageAsync(string key, string damage, Dictionary<string, Func<IDatabase, RedisKey, Task>> damages)
    {
        if (TypeDamages.TryGetValue(damage, out var replace))
        {
            await Database.KeyDeleteAsync(key);
            await replace(Database, key);
        }
        else
        {
            await damages[damage](Database, key);
        }
    }

    private async Task StoreAsync(ProductId id, long version) =>
        Assert.That(
            await cache.FillAsync([new Fill((await cache.ClaimAsync([id], default))[0]!.Value, Entry(id, version))], default),
            Is.EqualTo(new[] { FillOutcome.Stored }));

    /// <summary>As a Worker that renews the entry: a claim beside it.</summary>
    private async Task<Lease> ClaimOverAsync(ProductId id, CachedProduct entry)
    {
        await cache.RevalidateAsync(id, null, default);
        return (await cache.ClaimAsync([id], default))[0]!.Value;
    }

    private async Task TakeStepAsync(
        string step, ProductId id, ProductId other, CachedProduct entry, Lease claim, bool hasEntry, bool hasLease = true)
    {
        switch (step)
        {
            case "lease":
                Assert.That(await cache.TakeLeaseAsync(id, default), Is.Not.Null);
                break;
            case "early":
                Assert.That(await cache.TakeEagerLeaseAsync(id, await SeenAsync(id, entry), default), hasEntry ? Is.Not.Null : Is.Null);
                break;
            case "renew":
                var renewal = await cache.RevalidateAsync(id, await MarkerAsync(id, null), default);
                Assert.That(renewal.Outcome, Is.EqualTo(RevalidationOutcome.Asked));
                Assert.That(renewal.Entry, Is.Null);
                Assert.That(renewal.Lease, Is.Not.Null);
                break;
            case "claim":
                var claims = await cache.ClaimAsync([id, other], default);
                Assert.That(claims.Select(made => made?.Id), Is.EqualTo(new ProductId?[] { id, null }));
                break;
            case "fill":
                Assert.That(
                    await cache.FillAsync([new Fill(claim, entry)], default),
                    Is.EqualTo(new[] { hasLease ? FillOutcome.Stored : FillOutcome.Refused }));
                Assert.That(await ReadAsync(id), Is.EqualTo(hasLease ? entry.Payload : null));
                Assert.That(!hasLease || await Database.KeyTimeToLiveAsync(CacheKeys.Entry(id)) is not null);
                break;
            case "change":
                var results = await cache.InvalidateAsync([Upsert(id, 6), Upsert(other, 6)], default);
                Assert.That(results.Select(result => result.Outcome), Is.EqualTo(new[] { ChangeOutcome.Current, ChangeOutcome.Stale }));
                break;
            case "refresh":
                Assert.That(
                    await cache.ReplaceStaleAsync([Refresh.To(Product(id, 6), 10), Refresh.To(Product(other, 6), 10)], default),
                    Is.EqualTo(new[] { RefreshOutcome.Current, RefreshOutcome.Replaced }));
                break;
            case "release":
                await cache.ReleaseAsync([claim], default);
                break;
            case "remove":
                await cache.RemoveAsync([id, other], default);
                Assert.That(await Database.KeyExistsAsync(CacheKeys.Entry(other)), Is.False);
                break;
        }
    }

    private async Task<CachedProduct> SeenAsync(ProductId id, CachedProduct otherwise)
    {
        var type = await Database.KeyTypeAsync(CacheKeys.Entry(id));
        return type == RedisType.Hash && CachedProduct.TryRead(await Database.HashGetAsync(CacheKeys.Entry(id), "data"), out var seen) ? seen : otherwise;
    }
}
