using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Infrastructure;

/// <summary>The near cache in front of a cache whose answers come when the test says so.</summary>
public sealed class NearCacheTests
{
    private const long MaxBytes = 100_000;

    private static readonly NearCacheOptions Options = new(MaxBytes, TimeSpan.FromSeconds(5));
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private static readonly CachedProduct First = Sample.Entry(version: 1);
    private static readonly CachedProduct Second = Sample.Entry(version: 2);

    private ServiceProvider services = null!;
    private FakeTimeProvider time = null!;
    private GatedCache cache = null!;
    private NearCache near = null!;
    private long number;

    [SetUp]
    public void SetUp()
    {
        services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        time = new FakeTimeProvider(Sample.Time);
        cache = new GatedCache();
        near = NewNearCache(Options);
        number = 100;
    }

    [TearDown]
    public void TearDown() => services.Dispose();

    [Test]
    public async Task WhatWasReadOnceIsThereWithoutTheCache()
    {
        HearNext();
        Assert.That(await ReadAsync(First), Is.EqualTo(First.Payload));

        Assert.That(Copy(), Is.EqualTo(First.Payload));
        Assert.That(cache.Calls, Is.EqualTo(1));
    }

    [Test]
    public async Task AReadAsksTheCacheAlthoughThereIsACopyAndReplacesIt()
    {
        HearNext();
        await ReadAsync(First);

        Assert.That(await ReadAsync(Second), Is.EqualTo(Second.Payload));

        Assert.That(Copy(), Is.EqualTo(Second.Payload));
        Assert.That(cache.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task AChangeDuringAReadDespiteACopyVoidsWhatItFinds()
    {
        HearNext();
        await ReadAsync(First);
        var read = await BeginReadAsync();
        HearChange(Sample.Id);

        Assert.That(await read.EndAsync(First), Is.EqualTo(First.Payload));

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task BeforeTheFirstMessageNoCopyIsMade()
    {
        Assert.That(await ReadAsync(First), Is.EqualTo(First.Payload));

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AReadThatBeganBeforeTheFirstMessageMakesNoCopy()
    {
        var read = await BeginReadAsync();
        HearNext();

        await read.EndAsync(First);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AChangedProductLosesItsCopyAndNoOtherOne()
    {
        var other = new ProductId(7);
        HearNext();
        await ReadAsync(First);
        await ReadAsync(First, other);

        HearChange(Sample.Id);

        Assert.That(Copy(), Is.Null);
        Assert.That(Copy(other), Is.Not.Null);
    }

    [Test]
    public async Task AChangeDuringAReadVoidsWhatItFinds()
    {
        HearNext();
        var read = await BeginReadAsync();
        HearChange(Sample.Id);

        Assert.That(await read.EndAsync(First), Is.EqualTo(First.Payload));

        Assert.That(Copy(), Is.Null);
        await ReadAsync(Second);
        Assert.That(Copy(), Is.EqualTo(Second.Payload));
    }

    [Test]
    public async Task AReadThatJoinsOneThatAChangePassedByIsVoidAsWell()
    {
        HearNext();
        var before = await BeginReadAsync();
        HearChange(Sample.Id);
        var after = await BeginReadAsync();

        await after.EndAsync(Second);
        await before.EndAsync(First);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AFillOrAHeartbeatDropsNothing()
    {
        HearNext();
        await ReadAsync(First);

        HearNext();
        near.OnNotification(new CacheNotification("epoch", number++, NotificationKind.Filled, [Sample.Id]));

        Assert.That(Copy(), Is.EqualTo(First.Payload));
    }

    [Test]
    public async Task AMessageThatWasMissedDropsAllAndVoidsTheReadsOnTheirWay()
    {
        var other = new ProductId(7);
        HearNext();
        await ReadAsync(First);
        var read = await BeginReadAsync(other);

        number++;
        HearNext();

        Assert.That(Copy(), Is.Null);
        await read.EndAsync(First);
        Assert.That(Copy(other), Is.Null);
    }

    [Test]
    public async Task AfterAGapCopiesAreMadeAgain()
    {
        HearNext();
        number++;
        HearNext();

        await ReadAsync(First);

        Assert.That(Copy(), Is.EqualTo(First.Payload));
    }

    [Test]
    public async Task ALostConnectionThatCameBackInSilenceIsNoticedByTheNextMessage()
    {
        HearNext();
        await ReadAsync(First);

        // The connection is away for less than a heartbeat; the change of the product is told meanwhile.
        time.Advance(Heartbeat / 2);
        number++;
        HearNext();

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task ARedisThatBeganAnewDropsAllEvenWhereItsNumberGoesOn()
    {
        HearNext();
        await ReadAsync(First);

        near.OnNotification(new CacheNotification("another epoch", number, NotificationKind.Heartbeat, []));

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task InSilenceCopiesAreNotUsed()
    {
        HearNext();
        await ReadAsync(First);

        time.Advance(NotificationSequence.MaxSilence);
        Assert.That(Copy(), Is.Not.Null);

        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(Copy(), Is.Null);
        Assert.That(await ReadAsync(Second), Is.EqualTo(Second.Payload));
        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task TheMessageAfterASilenceDropsAll()
    {
        HearNext();
        await ReadAsync(First);
        time.Advance(NotificationSequence.MaxSilence + TimeSpan.FromMilliseconds(1));

        HearNext();

        Assert.That(Copy(), Is.Null);
        await ReadAsync(Second);
        Assert.That(Copy(), Is.EqualTo(Second.Payload));
    }

    [Test]
    public async Task AReadThatASilencePassedByMakesNoCopy()
    {
        HearNext();
        var read = await BeginReadAsync();
        time.Advance(NotificationSequence.MaxSilence + TimeSpan.FromMilliseconds(1));
        HearNext();

        await read.EndAsync(First);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AMessageThatCannotBeReadDropsAllUntilTheNextOne()
    {
        HearNext();
        await ReadAsync(First);
        var read = await BeginReadAsync(new ProductId(7));

        near.OnUnreadableNotification();

        Assert.That(Copy(), Is.Null);
        await read.EndAsync(First);
        Assert.That(Copy(new ProductId(7)), Is.Null);
        await ReadAsync(First);
        Assert.That(Copy(), Is.Null);

        HearNext();
        await ReadAsync(First);
        Assert.That(Copy(), Is.EqualTo(First.Payload));
    }

    [Test]
    public async Task ACopyIsUsedForItsTimeAndNoLonger()
    {
        HearNext();
        await ReadAsync(First);
        PassTime(Options.TimeToLive - TimeSpan.FromMilliseconds(1));
        Assert.That(Copy(), Is.EqualTo(First.Payload));

        PassTime(TimeSpan.FromMilliseconds(1));

        Assert.That(Copy(), Is.Null);
        await ReadAsync(Second);
        Assert.That(Copy(), Is.EqualTo(Second.Payload));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task ReadsAtOneTimeThatFindDifferentEntriesMakeNoCopy(bool olderFirst)
    {
        HearNext();
        var one = await BeginReadAsync();
        var other = await BeginReadAsync();

        await one.EndAsync(olderFirst ? First : Second);
        await other.EndAsync(olderFirst ? Second : First);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AThirdReadDoesNotDecideBetweenTwoThatDiffer()
    {
        HearNext();
        var reads = new[] { await BeginReadAsync(), await BeginReadAsync(), await BeginReadAsync() };

        await reads[0].EndAsync(First);
        await reads[1].EndAsync(Second);
        await reads[2].EndAsync(Second);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task ReadsAtOneTimeThatFindTheSameMakeACopy()
    {
        HearNext();
        var one = await BeginReadAsync();
        var other = await BeginReadAsync();

        await one.EndAsync(First);
        await other.EndAsync(First);

        Assert.That(Copy(), Is.EqualTo(First.Payload));
        Assert.That(Gauge("productcache.near.bytes"), Is.EqualTo(NearCache.Overhead + First.Payload.Length));
    }

    [Test]
    public async Task AFailedReadLeavesNothingBehind()
    {
        HearNext();
        var read = await BeginReadAsync();
        Assert.ThrowsAsync<UnavailableException>(() => read.FailAsync(new UnavailableException(Dependency.Cache)));

        // A read left behind would be voided by this, and the next one with it.
        HearChange(Sample.Id);
        await ReadAsync(First);

        Assert.That(Copy(), Is.EqualTo(First.Payload));
    }

    [Test]
    public async Task AMissMakesNoCopy()
    {
        HearNext();

        Assert.That(await ReadAsync(payload: null), Is.Null);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task APayloadOfAnotherFormatIsPassedOnWithoutACopy()
    {
        HearNext();
        byte[] payload = [CachedProduct.Format + 1, .. First.Payload[1..]];

        Assert.That(await ReadAsync(payload), Is.EqualTo(payload));

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task ANegativeEntryIsCopiedUntilItsProductChanges()
    {
        HearNext();
        await ReadAsync(Sample.NegativeEntry());
        Assert.That(Copy(), Is.Not.Null);

        HearChange(Sample.Id);

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task AKeyThatIsNoEntryIsPassedOn()
    {
        HearNext();
        for (var n = 1; n <= 2; n++)
        {
            var get = near.GetAsync("another key");
            (await cache.NextAsync()).Answer(First.Payload);
            Assert.That(await get, Is.EqualTo(First.Payload));
        }

        Assert.That(cache.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task AllCopiesStayWithinTheLimitAndAreCountedByTheByte()
    {
        const int products = 2_000;
        HearNext();
        cache.AnswerAllWith(EntryOf(1_000).Payload);
        for (var id = 1; id <= products; id++)
        {
            if (id % 100 == 0)
            {
                cache.AnswerAllWith(EntryOf(id).Payload);
            }

            await near.GetAsync(Key(new ProductId(id)));
            Assert.That(Gauge("productcache.near.bytes"), Is.LessThanOrEqualTo(MaxBytes));
        }

        var left = Enumerable.Range(1, products).Select(id => Copy(new ProductId(id))).OfType<byte[]>().ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(left, Is.Not.Empty);
            Assert.That(Gauge("productcache.near.bytes"), Is.EqualTo(left.Sum(payload => NearCache.Overhead + payload.Length)));
            Assert.That(Gauge("productcache.near.copies"), Is.EqualTo(left.Count));
        }
    }

    [Test]
    public async Task BytesAreCountedThroughChangesRenewalsAndGaps()
    {
        HearNext();
        cache.AnswerAllWith(First.Payload);
        for (var id = 1; id <= 10; id++)
        {
            await near.GetAsync(Key(new ProductId(id)));
        }

        Assert.That(Gauge("productcache.near.bytes"), Is.EqualTo(10 * (NearCache.Overhead + First.Payload.Length)));
        HearChange(new ProductId(1));
        Assert.That(Gauge("productcache.near.bytes"), Is.EqualTo(9 * (NearCache.Overhead + First.Payload.Length)));

        var larger = EntryOf(500).Payload;
        cache.AnswerAllWith(larger);
        PassTime(Options.TimeToLive);
        for (var id = 1; id <= 10; id++)
        {
            await near.GetAsync(Key(new ProductId(id)));
        }

        Assert.That(Gauge("productcache.near.bytes"), Is.EqualTo(10 * (NearCache.Overhead + larger.Length)));

        number++;
        HearNext();
        Assert.That(Gauge("productcache.near.bytes"), Is.Zero);
        Assert.That(Gauge("productcache.near.copies"), Is.Zero);
    }

    [Test]
    public async Task AnEntryLargerThanTheLimitIsNotKept()
    {
        near = NewNearCache(Options with { MaxBytes = 1_000 });
        HearNext();

        var large = EntryOf(2_000);
        Assert.That(await ReadAsync(large), Is.EqualTo(large.Payload));

        Assert.That(Copy(), Is.Null);
    }

    [Test]
    public async Task WithoutRoomThereIsNoNearCache()
    {
        near = NewNearCache(Options with { MaxBytes = 0 });
        HearNext();
        await ReadAsync(First);
        HearChange(Sample.Id);

        Assert.That(Copy(), Is.Null);
        Assert.That(await ReadAsync(Second), Is.EqualTo(Second.Payload));
        Assert.That(cache.Calls, Is.EqualTo(2));
    }

    private static string Key(ProductId id) => CacheKeys.Entry(id);

    private static CachedProduct EntryOf(int descriptionLength) => CachedProduct.Of(
        TestProducts.Product(Sample.Id, "Tea", 1, new string('x', descriptionLength)), Sample.Time, TimeSpan.FromMinutes(10));

    private NearCache NewNearCache(NearCacheOptions options) => new(cache, options, time, services.GetRequiredService<IMeterFactory>());

    /// <summary>A heartbeat with the number that is due.</summary>
    private void HearNext() => near.OnNotification(new CacheNotification("epoch", number++, NotificationKind.Heartbeat, []));

    private void HearChange(ProductId id) => near.OnNotification(new CacheNotification("epoch", number++, NotificationKind.Changed, [id]));

    /// <summary>Time goes by, with heartbeats.</summary>
    private void PassTime(TimeSpan span)
    {
        for (; span > Heartbeat; span -= Heartbeat)
        {
            time.Advance(Heartbeat);
            HearNext();
        }

        time.Advance(span);
    }

    private byte[]? Copy(ProductId? id = null) => near.TryGet(id ?? Sample.Id, out var entry) ? entry.Payload : null;

    private Task<byte[]?> ReadAsync(CachedProduct entry, ProductId? id = null) => ReadAsync(entry.Payload, id);

    private async Task<byte[]?> ReadAsync(byte[]? payload, ProductId? id = null) => await (await BeginReadAsync(id)).EndAsync(payload);

    private async Task<PendingGet> BeginReadAsync(ProductId? id = null)
    {
        var get = near.GetAsync(Key(id ?? Sample.Id));
        return new PendingGet(get, await cache.NextAsync());
    }

    private double Gauge(string name)
    {
        double value = -1;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == name && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, measured, _, _) => value = measured);
        listener.SetMeasurementEventCallback<int>((_, measured, _, _) => value = measured);
        listener.Start();
        listener.RecordObservableInstruments();
        return value;
    }

    /// <summary>A read on its way, and the call of the cache that it waits for.</summary>
    private sealed record PendingGet(Task<byte[]?> Get, Gated<string, byte[]?>.Call Call)
    {
        public Task<byte[]?> EndAsync(CachedProduct entry) => EndAsync(entry.Payload);

        public Task<byte[]?> EndAsync(byte[]? payload)
        {
            Call.Answer(payload);
            return Get;
        }

        public Task<byte[]?> FailAsync(Exception exception)
        {
            Call.Fail(exception);
            return Get;
        }
    }
}
