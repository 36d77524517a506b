using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class RelayChangesTests
{
    private readonly List<RecordedChange> published = [];
    private readonly List<RefusedChange> parked = [];

    private IChangeOutbox outbox = null!;
    private ChangeBatch batch = null!;
    private IChangePublisher publisher = null!;

    // What the broker makes of a change (null: acknowledged) and how long it takes; unless a test says otherwise, all succeed.
    private Func<RecordedChange, string?> refusalOf = null!;
    private Task answer = null!;
    private Task completion = null!;

    [SetUp]
    public void SetUp()
    {
        published.Clear();
        parked.Clear();
        refusalOf = _ => null;
        answer = Task.CompletedTask;
        completion = Task.CompletedTask;
        outbox = Substitute.For<IChangeOutbox>();
        batch = Substitute.For<ChangeBatch>();
        publisher = Substitute.For<IChangePublisher>();
        outbox.TakeAsync(default, default).ReturnsForAnyArgs(batch);
        publisher.PublishAsync(default!, default).ReturnsForAnyArgs(async call =>
        {
            await answer;
            var changes = call.Arg<IReadOnlyList<RecordedChange>>();
            published.AddRange(changes);
            return (IReadOnlyList<RefusedChange>)[.. from change in changes let reason = refusalOf(change) where reason is not null select new RefusedChange(change, reason)];
        });
        batch.CompleteAsync(default!, default).ReturnsForAnyArgs(call =>
        {
            parked.AddRange(call.Arg<IReadOnlyList<RefusedChange>>());
            return completion;
        });
    }

    [TearDown]
    public async Task TheBatchWasGivenBackAsync()
    {
        await batch.Received(1).DisposeAsync();
        await batch.DisposeAsync();
    }

    [Test]
    public async Task AnEmptyOutboxPublishesAndCompletesNothing()
    {
        var result = await Relay();

        Assert.That(result, Is.EqualTo(new RelayChangesResult(Taken: 0, Published: 0, Parked: 0)));
        Assert.That(publisher.ReceivedCalls(), Is.Empty);
        await batch.DidNotReceiveWithAnyArgs().CompleteAsync(default!, default);
    }

    [TestCase(ChangeLane.Single)]
    [TestCase(ChangeLane.Bulk)]
    public async Task TheLaneIsTheOneThatWasAskedFor(ChangeLane lane)
    {
        using var stopping = new CancellationTokenSource();

        await new RelayChangesHandler(outbox, publisher).Handle(new RelayChanges(lane), stopping.Token);

        await outbox.Received(1).TakeAsync(lane, stopping.Token);
    }

    [Test]
    public async Task EveryChangeOfDifferentProductsIsPublished()
    {
        var result = await Relay(Upsert(1, 10), Deletion(2, 20), Upsert(3, 30));

        Assert.That(result, Is.EqualTo(new RelayChangesResult(Taken: 3, Published: 3, Parked: 0)));
        Assert.That(published, Is.EqualTo(new[] { Upsert(1, 10), Deletion(2, 20), Upsert(3, 30) }));
    }

    [Test]
    public async Task OfSeveralChangesOfAProductTheNewestOfEachKindIsPublished()
    {
        var result = await Relay(Upsert(1, 12), Upsert(1, 10), Deletion(1, 12), Upsert(1, 14), Deletion(1, 10), Upsert(1, 13));

        Assert.That(result, Is.EqualTo(new RelayChangesResult(Taken: 6, Published: 2, Parked: 0)));
        Assert.That(published, Is.EqualTo(new[] { Deletion(1, 12), Upsert(1, 14) }));
    }

    [Test]
    public async Task AnUpsertIsPublishedEvenWhereALaterVersionWasDeleted()
    {
        await Relay(Deletion(1, 11), Upsert(1, 10));

        Assert.That(published, Is.EqualTo(new[] { Upsert(1, 10), Deletion(1, 11) }));
    }

    [Test]
    public async Task ChangesArePublishedInTheOrderOfTheirVersionsTheDeletionOfOneAfterIt()
    {
        await Relay(Deletion(3, 30), Upsert(2, 20), Upsert(3, 30), Upsert(1, 10));

        Assert.That(published, Is.EqualTo(new[] { Upsert(1, 10), Upsert(2, 20), Upsert(3, 30), Deletion(3, 30) }));
    }

    [TestCase(0, 5, "The product id is not positive.")]
    [TestCase(-1, 5, "The product id is not positive.")]
    [TestCase(5, 0, "The version is out of range.")]
    [TestCase(5, -1, "The version is out of range.")]
    [TestCase(5, ProductVersion.Max + 1, "The version is out of range.")]
    public async Task AnImpossibleChangeIsParkedAndDoesNotBlockThoseBehindIt(long id, long version, string reason)
    {
        var result = await Relay(Upsert(id, version), Upsert(1, 10), Deletion(id, version));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new RelayChangesResult(Taken: 3, Published: 1, Parked: 2)));
            Assert.That(published, Is.EqualTo(new[] { Upsert(1, 10) }));
            Assert.That(parked, Is.EqualTo(new[] { new RefusedChange(Upsert(id, version), reason), new RefusedChange(Deletion(id, version), reason) }));
        }
    }

    [Test]
    public async Task AnImpossibleVersionDoesNotStandForAPossibleOne()
    {
        await Relay(Upsert(1, 10), Upsert(1, ProductVersion.Max + 1));

        Assert.That(published, Is.EqualTo(new[] { Upsert(1, 10) }));
    }

    [Test]
    public async Task TheLargestIdAndVersionArePublished()
    {
        await Relay(Upsert(long.MaxValue, ProductVersion.Max));

        Assert.That(published, Is.EqualTo(new[] { Upsert(long.MaxValue, ProductVersion.Max) }));
    }

    [Test]
    public async Task WhatTheBrokerRefusesIsParkedWithItsReason()
    {
        refusalOf = change => change.Id == "2" ? "too large" : null;

        var result = await Relay(Upsert(1, 10), Upsert(2, 20), Upsert(0, 30), Upsert(3, 40));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new RelayChangesResult(Taken: 4, Published: 2, Parked: 2)));
            Assert.That(
                parked,
                Is.EquivalentTo(new[] { new RefusedChange(Upsert(0, 30), "The product id is not positive."), new RefusedChange(Upsert(2, 20), "too large") }));
        }
    }

    [Test]
    public async Task NothingIsCompletedWhenPublishingFails()
    {
        answer = Task.FromException(new UnavailableException(Dependency.Broker));

        Assert.ThrowsAsync<UnavailableException>(() => Relay(Upsert(0, 5), Upsert(1, 10)));

        await batch.DidNotReceiveWithAnyArgs().CompleteAsync(default!, default);
    }

    [Test]
    public async Task TheBatchIsCompletedOnlyWhenAllIsAcknowledged()
    {
        var acknowledged = new TaskCompletionSource();
        answer = acknowledged.Task;

        var relay = Relay(Upsert(1, 10));
        await batch.DidNotReceiveWithAnyArgs().CompleteAsync(default!, default);
        await batch.DidNotReceive().DisposeAsync();
        acknowledged.SetResult();
        await relay;

        await batch.ReceivedWithAnyArgs(1).CompleteAsync(default!, default);
    }

    [Test]
    public void ABatchThatCannotBeCompletedFails()
    {
        completion = Task.FromException(new UnavailableException(Dependency.Store));

        Assert.ThrowsAsync<UnavailableException>(() => Relay(Upsert(1, 10)));
    }

    private static RecordedChange Upsert(long id, long version) => new($"{id}", version, Deleted: false, Sample.Time);

    private static RecordedChange Deletion(long id, long version) => new($"{id}", version, Deleted: true, Sample.Time);

    private Task<RelayChangesResult> Relay(params RecordedChange[] changes)
    {
        batch.Changes.Returns(changes);
        return new RelayChangesHandler(outbox, publisher).Handle(new RelayChanges(ChangeLane.Single), CancellationToken.None);
    }
}
