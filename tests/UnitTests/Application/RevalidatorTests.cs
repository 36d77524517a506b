using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using ProductCache.Application;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

/// <summary>The cache is the in-memory one, which passes the same contract as Redis; what a Worker does is done by the test.</summary>
public sealed class RevalidatorTests
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private FakeTimeProvider time = null!;
    private InMemoryCache cache = null!;
    private INearCache nearCache = null!;
    private IFillRequestPublisher requests = null!;
    private Revalidator revalidator = null!;
    private Func<Task> worker = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider(Sample.Time);
        cache = new InMemoryCache(time);
        nearCache = Substitute.For<INearCache>();
        requests = Substitute.For<IFillRequestPublisher>();
        worker = () => Task.CompletedTask;
        requests.PublishAsync(default, default, default).ReturnsForAnyArgs(_ => worker());
        revalidator = new Revalidator(cache, nearCache, requests, time);
    }

    [Test]
    public async Task AReaderIsGivenWhatWasReadAfterItCame()
    {
        await FillAsync(version: 1);
        worker = () => FillAsync(version: 2);

        var read = WaitAsync();
        revalidator.Wake([Sample.Id]);
        var (entry, collapsed) = await read.WaitAsync(Gated.Patience);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry?.Version, Is.EqualTo(2));
            Assert.That(collapsed, Is.False);
        }

        nearCache.Received().Forget(Sample.Id);
    }

    [Test]
    public async Task AFillThatWasClaimedBeforeItCameWillNotDo()
    {
        var claim = (await cache.ClaimAsync([Sample.Id], default))[0]!.Value;
        var read = WaitAsync();
        worker = () => FillAsync(version: 2);

        await cache.FillAsync([new Fill(claim, Sample.Entry(version: 1))], default);
        revalidator.Wake([Sample.Id]);
        await LookAgainUntilAnsweredAsync(read);

        Assert.That((await read).Entry?.Version, Is.EqualTo(2));
        await requests.ReceivedWithAnyArgs(1).PublishAsync(default, default, default);
    }

    [Test]
    public async Task WhatSufficesEndsTheWait()
    {
        await FillAsync(version: 1);
        var read = WaitAsync(suffices: entry => entry.Version >= 3);

        // A refresh, which is no renewal.
        await cache.ReplaceStaleAsync([Refresh.To(Sample.Product(Sample.Id, version: 3), 2)], default);
        revalidator.Wake([Sample.Id]);

        Assert.That((await read.WaitAsync(Gated.Patience)).Entry?.Version, Is.EqualTo(3));
    }

    [Test]
    public async Task OneReaderAsksAndTheOthersAreCollapsed()
    {
        var reads = Enumerable.Range(0, 10).Select(_ => WaitAsync()).ToList();
        time.Advance(TimeSpan.FromMilliseconds(1));
        await FillAsync(version: 2);
        revalidator.Wake([Sample.Id]);
        var answers = await Task.WhenAll(reads).WaitAsync(Gated.Patience);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.Select(answer => answer.Entry?.Version), Is.All.EqualTo(2));
            Assert.That(answers.Count(answer => !answer.Collapsed), Is.EqualTo(1));
        }

        await requests.ReceivedWithAnyArgs(1).PublishAsync(default, default, default);
    }

    [Test]
    public async Task NobodyIsToldAnythingThatDidNotComeInTime()
    {
        await FillAsync(version: 1);
        var read = WaitAsync();

        await LookAgainUntilAnsweredAsync(read);

        Assert.That((await read).Entry, Is.Null);
        nearCache.DidNotReceiveWithAnyArgs().Forget(default);
    }

    [Test]
    public async Task TheRequestNamesTheEntryThatIsToBeReadAgain([Values] bool cached)
    {
        if (cached)
        {
            await FillAsync(version: 1);
        }

        var times = CachedProduct.TryRead(await cache.GetAsync(CacheKeys.Entry(Sample.Id)), out var entry) ? EntryTimes.Of(entry) : default(EntryTimes?);
        var read = WaitAsync(suffices: _ => true);
        if (!cached)
        {
            await LookAgainUntilAnsweredAsync(read);
        }

        await read;
        await requests.Received().PublishAsync(Sample.Id, times, CancellationToken.None);
    }

    [Test]
    public async Task AReaderIsGivenWhatAWorkerReadsThatTookItsRequestAfterTheLeaseEnded()
    {
        await FillAsync(version: 1);
        EntryTimes? renews = null;
        requests.WhenForAnyArgs(port => port.PublishAsync(default, default, default)).Do(call => renews = call.Arg<EntryTimes?>());
        var read = WaitAsync();

        // The next look takes the lease anew and publishes once more; the Worker is behind by more than a lease all the time.
        cache.ExpireLease(Sample.Id);
        var claim = (await cache.ClaimAsync([new ClaimRequest(Sample.Id, [renews!.Value])], default))[0]!.Value;
        await cache.FillAsync([new Fill(claim, CachedProduct.Of(Sample.Product(Sample.Id, version: 2), time.GetUtcNow(), TimeSpan.FromMinutes(9)))], default);
        revalidator.Wake([Sample.Id]);
        await LookAgainUntilAnsweredAsync(read);

        Assert.That((await read).Entry?.Version, Is.EqualTo(2));
    }

    [Test]
    public async Task WhatAServerThatTookOverHasIsNoRenewal()
    {
        await FillAsync(version: 2);
        var read = WaitAsync();

        // It has missed the last fill, so its entry has other times than the marker.
        cache.FailOver();
        cache.ExpireLease(Sample.Id);
        cache.PutEntry(Sample.Id, CachedProduct.Of(Sample.Product(Sample.Id, version: 1), Sample.Time, TimeSpan.FromMinutes(5)).Payload, 2);
        revalidator.Wake([Sample.Id]);
        await Eventually.TrueAsync(() => requests.ReceivedCalls().Count() > 1);
        await FillAsync(version: 3);
        revalidator.Wake([Sample.Id]);
        await LookAgainUntilAnsweredAsync(read);

        Assert.That((await read).Entry?.Version, Is.EqualTo(3));
    }

    [Test]
    public async Task AFailedRequestIsToldAndItsLeaseGivenBack()
    {
        worker = () => Task.FromException(new UnavailableException(Dependency.Broker));

        Assert.That(() => WaitAsync(), Throws.TypeOf<UnavailableException>());
        Assert.That(await cache.TakeLeaseAsync(Sample.Id, default), Is.Not.Null);
    }

    private Task<(CachedProduct? Entry, bool Collapsed)> WaitAsync(Func<CachedProduct, bool>? suffices = null) =>
        revalidator.WaitAsync(Sample.Id, suffices ?? (_ => false), Wait, CancellationToken.None);

    // Each look is made on another thread, some time after the one before has come to its wait.
    private Task LookAgainUntilAnsweredAsync(Task read) => Eventually.TrueAsync(() =>
    {
        time.Advance(FillWaiters.LookAgainInterval);
        return read.IsCompleted;
    });

    private async Task FillAsync(long version)
    {
        time.Advance(TimeSpan.FromMilliseconds(1));
        var claim = (await cache.ClaimAsync([Sample.Id], default))[0]!.Value;
        var entry = CachedProduct.Of(Sample.Product(Sample.Id, version), time.GetUtcNow(), TimeSpan.FromMinutes(10));
        Assert.That(await cache.FillAsync([new Fill(claim, entry)], default), Is.EqualTo(new[] { FillOutcome.Stored }));
    }
}
