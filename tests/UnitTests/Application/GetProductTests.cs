using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using ProductCache.Application;

namespace ProductCache.UnitTests.Application;

public sealed class GetProductTests
{
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(30);
    private static readonly Lease Lease = new(Sample.Id, "token");

    private INearCache nearCache = null!;
    private FakeTimeProvider time = null!;
    private IDistributedCache cache = null!;
    private IGuardedCache guardedCache = null!;
    private IFillRequestPublisher requests = null!;
    private MissCoalescer missing = null!;
    private volatile byte[]? payload;
    private GetProductHandler handler = null!;

    [SetUp]
    public void SetUp()
    {
        cache = Substitute.For<IDistributedCache>();
        guardedCache = Substitute.For<IGuardedCache>();
        requests = Substitute.For<IFillRequestPublisher>();
        missing = new MissCoalescer(cache, guardedCache, requests, TimeProvider.System);
        nearCache = Substitute.For<INearCache>();
        time = new FakeTimeProvider(Sample.Time);
        handler = new GetProductHandler(
            nearCache, cache, missing, new Revalidator(guardedCache, nearCache, requests, time), new EagerRefresh(guardedCache, requests, time), time);
        payload = null;
        cache.GetAsync(default!, default).ReturnsForAnyArgs(_ => payload);
        LeaseIs(Lease);
    }

    [Test]
    public async Task AHitIsAnsweredWithoutLeaseOrBroker()
    {
        var entry = Sample.Entry();
        CacheHolds(entry);

        var result = await Get();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Found>());
            Assert.That(((GetProductResult.Found)result).Entry.Payload, Is.SameAs(entry.Payload));
            Assert.That(((GetProductResult.Found)result).Source, Is.EqualTo(EntrySource.Cache));
            Assert.That(guardedCache.ReceivedCalls(), Is.Empty);
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task WhatIsNotCachedIsAskedOfNobodyWhereOnlyTheCachedIsWanted()
    {
        var result = await handler.Handle(new GetProduct(Sample.Id, LongWait, new Freshness { OnlyIfCached = true }), CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.SameAs(GetProductResult.NotCached.Instance));
            Assert.That(guardedCache.ReceivedCalls(), Is.Empty);
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task AnOldEntryIsAnsweredAndNotRefreshedWhereOnlyTheCachedIsWanted()
    {
        var entry = Sample.Entry();
        CacheHolds(entry);
        time.Advance(entry.Lifetime * 2);

        var result = await handler.Handle(new GetProduct(Sample.Id, Freshness: new Freshness { OnlyIfCached = true }), CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Found>());
            Assert.That(guardedCache.ReceivedCalls(), Is.Empty);
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task ACopyInThisProcessIsAnsweredWithoutTheCache()
    {
        var entry = Sample.Entry();
        nearCache.TryGet(Sample.Id, out Arg.Any<CachedProduct?>()).Returns(call =>
        {
            call[1] = entry;
            return true;
        });

        var result = await Get();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new GetProductResult.Found(entry, EntrySource.NearCache)));
            Assert.That(cache.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task TheKeyIsThatOfTheProduct()
    {
        await Get();

        await cache.Received().GetAsync("product:{42}", Arg.Any<CancellationToken>());
    }

    [Test]
    public async Task ANegativeEntrySaysThatTheProductIsAbsent()
    {
        CacheHolds(Sample.NegativeEntry());

        var result = await Get();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Absent>());
            Assert.That(guardedCache.ReceivedCalls(), Is.Empty);
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task AMissIsAskedForOnce()
    {
        var result = await Get();

        Assert.That(result, Is.InstanceOf<GetProductResult.Requested>());
        await guardedCache.Received(1).TakeLeaseAsync(Sample.Id, Arg.Any<CancellationToken>());
        await requests.Received(1).PublishAsync(Sample.Id, null, Arg.Any<CancellationToken>());
    }

    [Test]
    public async Task AnEntryOfAnUnknownFormatIsAskedFor()
    {
        payload = [CachedProduct.Format + 1, .. Sample.Entry().Payload[1..]];

        var result = await Get();

        Assert.That(result, Is.InstanceOf<GetProductResult.Requested>());
        await requests.Received(1).PublishAsync(Sample.Id, null, Arg.Any<CancellationToken>());
    }

    [Test]
    public async Task WhileSomebodyElseHoldsTheLeaseNothingIsPublished()
    {
        LeaseIs(null);

        var result = await Get();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Requested>());
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task ACacheThatDoesNotAnswerIsNamed([Values] bool waiting)
    {
        cache.GetAsync(default!, default).ThrowsAsyncForAnyArgs(new UnavailableException(Dependency.Cache));

        var result = await Get(waiting ? LongWait : TimeSpan.Zero);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new GetProductResult.Unavailable(Dependency.Cache)));
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task ALeaseThatCannotBeAskedForIsTheCachesFault([Values] bool waiting)
    {
        guardedCache.TakeLeaseAsync(default, default).ThrowsAsyncForAnyArgs(new UnavailableException(Dependency.Cache));

        var result = await Get(waiting ? LongWait : TimeSpan.Zero);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new GetProductResult.Unavailable(Dependency.Cache)));
            Assert.That(requests.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task ARequestThatCannotBePublishedGivesTheLeaseBack([Values] bool waiting)
    {
        requests.PublishAsync(default, default, default).ThrowsAsyncForAnyArgs(new UnavailableException(Dependency.Broker));

        var result = await Get(waiting ? LongWait : TimeSpan.Zero);

        Assert.That(result, Is.EqualTo(new GetProductResult.Unavailable(Dependency.Broker)));
        await guardedCache.Received(1)
            .ReleaseAsync(Arg.Is<IReadOnlyList<Lease>>(leases => leases.Single() == Lease), Arg.Any<CancellationToken>());
    }

    [Test]
    public async Task AReaderWhoWaitsGetsTheFilledProduct()
    {
        var entry = Sample.Entry();
        FillWhenPublished(entry);

        var result = await Get(LongWait);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Found>());
            Assert.That(((GetProductResult.Found)result).Entry.Payload, Is.SameAs(entry.Payload));
            Assert.That(((GetProductResult.Found)result).Source, Is.EqualTo(EntrySource.Fill));
        }
    }

    [Test]
    public async Task AReaderWhoWaitsLearnsThatTheProductIsAbsent()
    {
        FillWhenPublished(Sample.NegativeEntry());

        var result = await Get(LongWait);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Absent>());
            Assert.That(((GetProductResult.Absent)result).Source, Is.EqualTo(EntrySource.Fill));
        }
    }

    [Test]
    public async Task AReaderWhoWaitedInVainIsToldThatTheProductWasRequested()
    {
        Assert.That(await Get(TimeSpan.FromMilliseconds(1)), Is.InstanceOf<GetProductResult.Requested>());
    }

    [Test]
    public void AReaderWhoLeavesGetsNoAnswer()
    {
        using var leaving = new CancellationTokenSource();
        requests.When(ports => ports.PublishAsync(Sample.Id, null, Arg.Any<CancellationToken>())).Do(_ => leaving.Cancel());

        Assert.That(() => handler.Handle(new GetProduct(Sample.Id, LongWait), leaving.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private Task<GetProductResult> Get(TimeSpan wait = default) => handler.Handle(new GetProduct(Sample.Id, wait), CancellationToken.None);

    private void CacheHolds(CachedProduct entry) => payload = entry.Payload;

    private void LeaseIs(Lease? lease) => guardedCache.TakeLeaseAsync(default, default).ReturnsForAnyArgs(lease);

    private void FillWhenPublished(CachedProduct entry) =>
        requests.PublishAsync(default, default, default).ReturnsForAnyArgs(_ =>
        {
            CacheHolds(entry);
            missing.Wake([Sample.Id]);
            return Task.CompletedTask;
        });
}
