using System.Text;
using ProductCache.Application;
using ProductCache.Domain;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.TestSupport.PortSpecifications;

/// <summary>What every cache must do with products of a mapping: any state has a version, and content may have an end.</summary>
public abstract class MappedCacheSpecification
{
    private static readonly EntryFormat Mapping = EntryFormat.OfMapping(7);
    private static readonly EntryFormat OtherMapping = EntryFormat.OfMapping(8);
    private static readonly EntryFormat Accepting = EntryFormat.OfMapping(8, 7);

    private enum State
    {
        Product,
        Absent,
    }

    [Test]
    public async Task AnyEntryOfALowerRankIsStale([Values(0, 4)] long cached, [Values] bool isAbsent)
    {
        var id = await CachedAsync(cached, isAbsent ? State.Absent : State.Product);

        var result = await ChangeAsync(id, 5);

        Assert.That(result, Is.EqualTo(new ChangeResult(ChangeOutcome.Stale, 2 * cached, result.At)));
        Assert.That(result.At, Is.GreaterThan(0));
    }

    [Test]
    public async Task AnEntryThatIsAsNewOrNewerIsCurrent([Values(5, 6)] long cached, [Values] bool isAbsent)
    {
        var id = await CachedAsync(cached, isAbsent ? State.Absent : State.Product);

        Assert.That((await ChangeAsync(id, 5)).Outcome, Is.EqualTo(ChangeOutcome.Current));
    }

    [Test]
    public async Task AnEntryOfTheBuiltInTableIsStaleAndRemoved()
    {
        var id = NewId();
        await FillAsync(CacheOf(EntryFormat.BuiltIn), id, Entry(id, version: 1));

        Assert.That((await ChangeAsync(id, 5)).Outcome, Is.EqualTo(ChangeOutcome.Stale));
        Assert.That(await RefreshAsync(id, 1, EntryOf(5)), Is.EqualTo(RefreshOutcome.Removed));
    }

    [Test]
    public async Task ARefreshReplacesTheBodyAndKeepsTheTimes([Values(0, 4)] long cached)
    {
        var id = await CachedAsync(cached, State.Product);
        var before = await ReadEntryAsync(id);

        Assert.That(await RefreshAsync(id, cached, EntryOf(5, body: "{\"b\":2}")), Is.EqualTo(RefreshOutcome.Replaced));

        var after = await ReadEntryAsync(id);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Encoding.UTF8.GetString(after!.Body.Span), Is.EqualTo("{\"b\":2}"));
            Assert.That(after.Version, Is.EqualTo(5));
            Assert.That(after.Times.ToArray(), Is.EqualTo(before!.Times.ToArray()));
            Assert.That(after.EntityTag, Is.Not.EqualTo(before.EntityTag));
        }
    }

    [Test]
    public async Task AProductThatHasBecomeAbsentIsRemoved()
    {
        var id = await CachedAsync(4, State.Product);

        Assert.That(await RefreshAsync(id, 4, AbsenceOf(5)), Is.EqualTo(RefreshOutcome.Removed));
        Assert.That(await ReadEntryAsync(id), Is.Null);
    }

    [Test]
    public async Task AnAbsenceThatHasBecomeAProductIsRemoved([Values(0, 4)] long cached)
    {
        var id = await CachedAsync(cached, State.Absent);

        Assert.That(await RefreshAsync(id, cached, EntryOf(5)), Is.EqualTo(RefreshOutcome.Removed));
    }

    [Test]
    public async Task AnAbsenceThatIsStillOneGetsItsVersion()
    {
        var id = await CachedAsync(0, State.Absent);

        Assert.That(await RefreshAsync(id, 0, AbsenceOf(5)), Is.EqualTo(RefreshOutcome.Replaced));
        Assert.That((await ReadEntryAsync(id))!.Version, Is.EqualTo(5));
    }

    [Test]
    public async Task ARefreshCreatesNothing()
    {
        var id = NewId();

        Assert.That(await RefreshAsync(id, 0, EntryOf(5)), Is.EqualTo(RefreshOutcome.Current));
        Assert.That(await ReadEntryAsync(id), Is.Null);
    }

    // The claim may have read the body that the version had before a change through a key.
    [Test]
    public async Task AFillOfTheSameVersionIsOutdatedAfterARefreshThatReplaced()
    {
        var id = await CachedAsync(4, State.Product);
        var claim = await ClaimToRenewAsync(id);

        await RefreshAsync(id, 4, EntryOf(5));

        Assert.That(await StoreAsync(claim, EntryOf(5)), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await StoreAsync(claim, EntryOf(6)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AFillOfTheSameVersionIsStoredAfterARefreshThatDidNotReplace()
    {
        var id = NewId();
        var claim = await ClaimAsync(CacheOf(Mapping), id);

        await RefreshAsync(id, 4, EntryOf(5));

        Assert.That(await StoreAsync(claim, EntryOf(4)), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await StoreAsync(claim, EntryOf(5)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AnAbsenceObeysTheFloorToo()
    {
        var id = NewId();
        var claim = await ClaimAsync(CacheOf(Mapping), id);
        await ChangeAsync(id, 5);

        Assert.That(await StoreAsync(claim, AbsenceOf(4)), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await StoreAsync(claim, AbsenceOf(5)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AnEntryEndsWithItsContent()
    {
        var id = NewId();
        var claim = await ClaimAsync(CacheOf(Mapping), id);

        await StoreAsync(claim, EntryOf(1, end: claim.At + 60_000), keptBeyond: TimeSpan.FromHours(1));

        Assert.That(await EntryTimeLeftAsync(id), Is.LessThanOrEqualTo(TimeSpan.FromMinutes(1)).And.GreaterThan(TimeSpan.Zero));
    }

    [Test]
    public async Task ContentThatHasEndedIsNotStored()
    {
        var id = NewId();
        var claim = await ClaimAsync(CacheOf(Mapping), id);

        await StoreAsync(claim, EntryOf(1, end: claim.At - 1));

        Assert.That(await ReadEntryAsync(id), Is.Null);
        Assert.That(await CacheOf(Mapping).TakeLeaseAsync(id, default), Is.Not.Null, "The next reader must be able to request it.");
    }

    [Test]
    public async Task ARefreshTakesTheEndOfTheNewContent()
    {
        var id = await CachedAsync(4, State.Product);
        var result = await ChangeAsync(id, 5);

        await RefreshAsync(id, 4, EntryOf(5, end: result.At + 60_000));

        Assert.That(await EntryTimeLeftAsync(id), Is.LessThanOrEqualTo(TimeSpan.FromMinutes(1)).And.GreaterThan(TimeSpan.Zero));
        Assert.That((await ReadEntryAsync(id))!.End, Is.EqualTo(result.At + 60_000));
    }

    [Test]
    public async Task ARefreshDoesNotKeepAnEntryLongerThanItWas()
    {
        var id = NewId();
        var claim = await ClaimAsync(CacheOf(Mapping), id);
        await StoreAsync(claim, EntryOf(4, end: claim.At + 60_000));

        await RefreshAsync(id, 4, EntryOf(5, end: claim.At + 3_600_000));

        Assert.That(await EntryTimeLeftAsync(id), Is.LessThanOrEqualTo(TimeSpan.FromMinutes(1)).And.GreaterThan(TimeSpan.Zero));
    }

    [Test]
    public async Task AnEntryOfAnotherMappingDoesNotPreventAFill()
    {
        var id = await CachedAsync(4, State.Product);
        var other = CacheOf(OtherMapping);

        Assert.That(await other.TakeLeaseAsync(id, default), Is.Not.Null);
        var claim = await ClaimAsync(other, id);
        Assert.That((await other.FillAsync([new Fill(claim, EntryOf(4, format: OtherMapping))], default))[0], Is.EqualTo(FillOutcome.Stored));
        Assert.That((await ReadEntryAsync(id))!.Mapping, Is.EqualTo(OtherMapping.Mapping));
    }

    [Test]
    public async Task AProcessThatAcceptsAMappingHasItsEntries()
    {
        var id = await CachedAsync(4, State.Product);

        Assert.That(await CacheOf(Accepting).TakeLeaseAsync(id, default), Is.Null);
        Assert.That((await CacheOf(Accepting).ClaimAsync([new ClaimRequest(id, [])], default))[0], Is.Null);
    }

    [Test]
    public async Task ADamagedEntryIsRemoved([Values(25, 34, 47)] int place)
    {
        var id = await CachedAsync(4, State.Product);
        byte[] payload = [.. (await ReadEntryAsync(id))!.Payload];
        payload[place] = 0xFF;
        await PutEntryAsync(id, payload, 8);

        Assert.That(await CacheOf(Mapping).TakeLeaseAsync(id, default), Is.Not.Null);
        Assert.That(await ReadAsync(id), Is.Null);
    }

    /// <summary>The same data as processes with this format see it.</summary>
    protected abstract IGuardedCache CacheOf(EntryFormat format);

    protected abstract Task<byte[]?> ReadAsync(ProductId id);

    protected abstract Task PutEntryAsync(ProductId id, byte[] payload, long rank);

    protected abstract Task<TimeSpan> EntryTimeLeftAsync(ProductId id);

    private static CachedProduct EntryOf(long version, string body = "{\"a\":1}", long end = 0, EntryFormat? format = null) => CachedProduct.Of(
        new Product(NewId(), version, Encoding.UTF8.GetBytes(body)) { Tags = ["brand-1", "sale"] }, DateTimeOffset.UtcNow, Lifetime, format ?? Mapping, end);

    private static CachedProduct AbsenceOf(long version) => CachedProduct.Absent(DateTimeOffset.UtcNow, TimeSpan.FromSeconds(20), Mapping, version);

    private async Task<ProductId> CachedAsync(long version, State state)
    {
        var id = NewId();
        await FillAsync(CacheOf(Mapping), id, state == State.Absent ? AbsenceOf(version) : EntryOf(version));
        return id;
    }

    private static async Task FillAsync(IGuardedCache cache, ProductId id, CachedProduct entry)
    {
        var claim = await ClaimAsync(cache, id);
        Assert.That((await cache.FillAsync([new Fill(claim, entry)], default))[0], Is.EqualTo(FillOutcome.Stored));
    }

    private static async Task<Lease> ClaimAsync(IGuardedCache cache, ProductId id) => (await cache.ClaimAsync([new ClaimRequest(id, [])], default))[0]!.Value;

    private async Task<Lease> ClaimToRenewAsync(ProductId id) =>
        (await CacheOf(Mapping).ClaimAsync([new ClaimRequest(id, [EntryTimes.Of((await ReadEntryAsync(id))!)])], default))[0]!.Value;

    private async Task<FillOutcome> StoreAsync(Lease claim, CachedProduct entry, TimeSpan keptBeyond = default) =>
        (await CacheOf(Mapping).FillAsync([new Fill(claim, entry, keptBeyond)], default))[0];

    private async Task<ChangeResult> ChangeAsync(ProductId id, long version) => (await CacheOf(Mapping).InvalidateAsync([Upsert(id, version)], default))[0];

    private async Task<RefreshOutcome> RefreshAsync(ProductId id, long stale, CachedProduct entry) =>
        (await CacheOf(Mapping).ReplaceStaleAsync([new Refresh(id, 2 * stale, entry)], default))[0];

    private async Task<CachedProduct?> ReadEntryAsync(ProductId id) => CachedProduct.TryRead(await ReadAsync(id), out var entry) ? entry : null;
}

/// <summary>The fake must pass what the real one passes.</summary>
public abstract class InMemoryMappedCacheSpecification : MappedCacheSpecification
{
    private readonly InMemoryCache cache = new(TimeProvider.System);

    protected override IGuardedCache CacheOf(EntryFormat format) => cache.Reading(format);

    protected override Task<byte[]?> ReadAsync(ProductId id) => cache.GetAsync(CacheKeys.Entry(id));

    protected override Task PutEntryAsync(ProductId id, byte[] payload, long rank)
    {
        cache.PutEntry(id, payload, rank);
        return Task.CompletedTask;
    }

    protected override Task<TimeSpan> EntryTimeLeftAsync(ProductId id) => Task.FromResult(cache.EntryTimeLeft(id));
}
