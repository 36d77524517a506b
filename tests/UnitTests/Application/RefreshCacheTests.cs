using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

public sealed class RefreshCacheTests
{
    private readonly Dictionary<ProductId, Product> rows = [];
    private readonly Dictionary<ProductId, string> unreadable = [];
    private readonly List<Change> passed = [];
    private readonly List<ProductId> read = [];
    private readonly List<Refresh> refreshes = [];
    private readonly List<ProductId> announced = [];

    private IGuardedCache cache = null!;
    private IProductStore store = null!;
    private ICacheNotifications notifications = null!;

    // What a change finds, and what becomes of a refresh; unless a test says otherwise, nothing is cached.
    private Func<Change, ChangeResult> findingOf = null!;
    private Func<ProductId, RefreshOutcome> outcomeOf = null!;
    private Step? failing;

    public enum Step
    {
        Change,
        Read,
        Refresh,
        Announce,
    }

    [SetUp]
    public void SetUp()
    {
        rows.Clear();
        unreadable.Clear();
        passed.Clear();
        read.Clear();
        refreshes.Clear();
        announced.Clear();
        findingOf = _ => new ChangeResult(ChangeOutcome.Current, 0);
        outcomeOf = _ => RefreshOutcome.Replaced;
        failing = null;
        cache = Substitute.For<IGuardedCache>();
        store = Substitute.For<IProductStore>();
        notifications = Substitute.For<ICacheNotifications>();
        cache.InvalidateAsync(default!, default).ReturnsForAnyArgs(call => Do<IReadOnlyList<ChangeResult>>(Step.Change, () =>
        {
            passed.AddRange(call.Arg<IReadOnlyList<Change>>());
            return [.. call.Arg<IReadOnlyList<Change>>().Select(findingOf)];
        }));
        store.ReadAsync(default!, default).ReturnsForAnyArgs(call => Do(Step.Read, () =>
        {
            var ids = call.Arg<IReadOnlyCollection<ProductId>>();
            read.AddRange(ids);
            return new StoreRead(
                ids.Where(id => rows.ContainsKey(id) && !unreadable.ContainsKey(id)).ToDictionary(id => id, id => rows[id]),
                ids.Where(unreadable.ContainsKey).ToDictionary(id => id, id => unreadable[id]));
        }));
        cache.ReplaceStaleAsync(default!, default).ReturnsForAnyArgs(call => Do<IReadOnlyList<RefreshOutcome>>(Step.Refresh, () =>
        {
            refreshes.AddRange(call.Arg<IReadOnlyList<Refresh>>());
            return [.. call.Arg<IReadOnlyList<Refresh>>().Select(refresh => outcomeOf(refresh.Id))];
        }));
        notifications.ChangedAsync(default!, default, default).ReturnsForAnyArgs(call => Do(Step.Announce, () =>
        {
            announced.AddRange(call.Arg<IReadOnlyCollection<ProductId>>());
            return true;
        }));
    }

    [Test]
    public async Task NothingChangedTouchesNothing()
    {
        var result = await Refresh();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new RefreshCacheResult(0, 0, 0)));
            Assert.That(cache.ReceivedCalls(), Is.Empty);
            Assert.That(store.ReceivedCalls(), Is.Empty);
            Assert.That(notifications.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task WhatIsNotCachedIsNotReadButAnnounced()
    {
        var result = await Refresh(Upsert(1, 10), Deletion(2, 20));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 2, Replaced: 0, Removed: 0)));
            Assert.That(store.ReceivedCalls(), Is.Empty);
            Assert.That(refreshes, Is.Empty);
            Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
        }
    }

    [Test]
    public async Task OnlyWhatIsStaleIsReadAndAllIsAnnouncedInOneMessage()
    {
        StaleAre(2, 3);
        InsertRow(1, 10);
        InsertRow(2, 20);
        InsertRow(3, 30);

        var result = await Refresh(Upsert(1, 10), Upsert(2, 20), Upsert(3, 30), Deletion(4, 40));

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 4, Replaced: 2, Removed: 0)));
        Assert.That(read, Is.EquivalentTo(Ids(2, 3)));
        Assert.That(announced, Is.EquivalentTo(Ids(1, 2, 3, 4)));
        await store.ReceivedWithAnyArgs(1).ReadAsync(default!, default);
        await notifications.ReceivedWithAnyArgs(1).ChangedAsync(default!, default, default);
    }

    [Test]
    public async Task ARefreshCarriesTheRowAndTheRankThatWasFoundStale()
    {
        findingOf = change => new ChangeResult(ChangeOutcome.Stale, change.Id.Value == 1 ? 6 : 8);
        InsertRow(1, 10);
        InsertRow(2, 20);

        await Refresh(Upsert(1, 9), Upsert(2, 19));

        Assert.That(
            refreshes.Select(refresh => (refresh.Id.Value, refresh.StaleRank, refresh.Entry.IsOf(rows[refresh.Id]))),
            Is.EquivalentTo(new[] { (1L, 6L, true), (2L, 8L, true) }));
    }

    [Test]
    public async Task ARowThatIsGoneIsNotRefreshedButAnnounced()
    {
        StaleAre(1, 2);
        InsertRow(2, 20);

        var result = await Refresh(Upsert(1, 10), Upsert(2, 20));

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 2, Replaced: 1, Removed: 0)));
        Assert.That(refreshes.Select(refresh => refresh.Id), Is.EqualTo(Ids(2)));
        Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
    }

    [Test]
    public async Task WhatIsAnnouncedHasBeenRefreshed()
    {
        StaleAre(1);
        InsertRow(1, 10);

        await Refresh(Upsert(1, 10));

        Received.InOrder(() =>
        {
            cache.InvalidateAsync(Arg.Any<IReadOnlyList<Change>>(), Arg.Any<CancellationToken>());
            store.ReadAsync(Arg.Any<IReadOnlyCollection<ProductId>>(), Arg.Any<CancellationToken>());
            cache.ReplaceStaleAsync(Arg.Any<IReadOnlyList<Refresh>>(), Arg.Any<CancellationToken>());
            notifications.ChangedAsync(Arg.Any<IReadOnlyCollection<ProductId>>(), Arg.Any<DateTimeOffset?>(), Arg.Any<CancellationToken>());
        });
    }

    [Test]
    public async Task TheEntryOfARowThatCannotBeReadAnyMoreIsRemovedBeforeItIsAnnounced()
    {
        StaleAre(1, 2);
        InsertRow(2, 20);
        unreadable[new ProductId(1)] = "The price is negative.";

        var result = await Refresh(Upsert(1, 10), Upsert(2, 20));

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 2, Replaced: 1, Removed: 1)));
        Assert.That(refreshes.Select(refresh => refresh.Id), Is.EqualTo(Ids(2)));
        Received.InOrder(() =>
        {
            cache.RemoveAsync(Arg.Is<IReadOnlyList<ProductId>>(ids => ids.SequenceEqual(Ids(1))), Arg.Any<CancellationToken>());
            notifications.ChangedAsync(Arg.Any<IReadOnlyCollection<ProductId>>(), Arg.Any<DateTimeOffset?>(), Arg.Any<CancellationToken>());
        });
    }

    [Test]
    public async Task ChangesDeliveredTwiceAreFolded()
    {
        await Refresh(Upsert(1, 10), Upsert(1, 10), Deletion(1, 10), Upsert(2, 20), Upsert(1, 10));

        Assert.That(passed, Is.EqualTo(new[] { Upsert(1, 10), Deletion(1, 10), Upsert(2, 20) }));
        Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
    }

    [Test]
    public async Task SeveralChangesOfAStaleProductAreOneRead()
    {
        StaleAre(1);
        InsertRow(1, 12);

        var result = await Refresh(Upsert(1, 10), Upsert(1, 11), Upsert(1, 12));

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 1, Replaced: 1, Removed: 0)));
        Assert.That(read, Is.EqualTo(Ids(1)));
        Assert.That(refreshes, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task EntriesThatAreGoneAreCountedWhicheverStepRemovedThem()
    {
        findingOf = change => change.Deleted ? new ChangeResult(ChangeOutcome.Removed, 0) : new ChangeResult(ChangeOutcome.Stale, 2);
        outcomeOf = id => id.Value == 1 ? RefreshOutcome.Removed : RefreshOutcome.Current;
        InsertRow(1, 10);
        InsertRow(2, 20);

        var result = await Refresh(Upsert(1, 10), Upsert(2, 20), Deletion(3, 30));

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 3, Replaced: 0, Removed: 2)));
    }

    [TestCase(Step.Change)]
    [TestCase(Step.Read)]
    [TestCase(Step.Refresh)]
    public void NothingIsAnnouncedWhenAStepFails(Step step)
    {
        StaleAre(1);
        InsertRow(1, 10);
        failing = step;

        Assert.ThrowsAsync<UnavailableException>(() => Refresh(Upsert(1, 10), Upsert(2, 20)));

        Assert.That(notifications.ReceivedCalls(), Is.Empty);
    }

    [Test]
    public void WhatCannotBeAnnouncedFails()
    {
        failing = Step.Announce;

        Assert.ThrowsAsync<UnavailableException>(() => Refresh(Upsert(1, 10)));
    }

    [Test]
    public async Task ARetryAfterAFailureDoesAllAgain()
    {
        var (inMemory, entry) = await FilledAsync();
        InsertRow(42, 2);
        var handler = new RefreshCacheHandler(inMemory, store, notifications);
        var changes = new RefreshCache([TestProducts.Upsert(Sample.Id, 2), TestProducts.Upsert(new ProductId(7), 3)]);
        failing = Step.Read;
        Assert.ThrowsAsync<UnavailableException>(() => handler.Handle(changes, default));
        Assert.That(inMemory.Get(CacheKeys.Entry(Sample.Id)), Is.EqualTo(entry.Payload));

        failing = null;
        var result = await handler.Handle(changes, default);

        Assert.That(result, Is.EqualTo(new RefreshCacheResult(Products: 2, Replaced: 1, Removed: 0)));
        Assert.That(announced, Is.EquivalentTo(Ids(42, 7)));
    }

    [Test]
    public async Task ACachedProductHoldsTheNewRowAndItsOldTimes()
    {
        var (inMemory, entry) = await FilledAsync();
        InsertRow(42, 2);

        await new RefreshCacheHandler(inMemory, store, notifications).Handle(new RefreshCache([TestProducts.Upsert(Sample.Id, 2)]), default);

        Assert.That(CachedProduct.TryRead(inMemory.Get(CacheKeys.Entry(Sample.Id)), out var refreshed), Is.True);
        Assert.That(refreshed!.Version, Is.EqualTo(2));
        Assert.That(refreshed.FilledAt, Is.EqualTo(entry.FilledAt));
        Assert.That(refreshed.Lifetime, Is.EqualTo(entry.Lifetime));
    }

    private static async Task<(InMemoryCache Cache, CachedProduct Entry)> FilledAsync()
    {
        var inMemory = new InMemoryCache(new FakeTimeProvider(Sample.Time));
        var entry = Sample.Entry(version: 1);
        await inMemory.FillAsync([new Fill((await inMemory.ClaimAsync([Sample.Id], default))[0]!.Value, entry)], default);
        return (inMemory, entry);
    }

    private static ProductId[] Ids(params int[] ids) => [.. ids.Select(id => new ProductId(id))];

    private static Change Upsert(int id, long version) => TestProducts.Upsert(new ProductId(id), version);

    private static Change Deletion(int id, long version) => TestProducts.Deletion(new ProductId(id), version);

    private Task<T> Do<T>(Step step, Func<T> answer) =>
        failing == step ? Task.FromException<T>(new UnavailableException(Dependency.Cache)) : Task.FromResult(answer());

    private void StaleAre(params int[] ids) => findingOf = change =>
        ids.Contains((int)change.Id.Value) ? new ChangeResult(ChangeOutcome.Stale, 2) : new ChangeResult(ChangeOutcome.Current, 0);

    private void InsertRow(int id, long version) => rows[new ProductId(id)] = Sample.Product(new ProductId(id), version);

    private Task<RefreshCacheResult> Refresh(params Change[] changes) =>
        new RefreshCacheHandler(cache, store, notifications).Handle(new RefreshCache(changes), CancellationToken.None);
}
