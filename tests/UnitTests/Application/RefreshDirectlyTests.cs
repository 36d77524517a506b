using MediatR;
using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class RefreshDirectlyTests
{
    private static readonly DateTimeOffset Noon = new(2026, 12, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly List<RefreshCache> applied = [];
    private OutboxPosition position = null!;
    private IRecordedChanges outbox = null!;
    private IRequestHandler<RefreshCache, RefreshCacheResult> refresh = null!;
    private ISharedCaches sharedCaches = null!;
    private Func<RefreshCache, Exception?> faultOf = null!;

    [SetUp]
    public void SetUp()
    {
        applied.Clear();
        position = new OutboxPosition();
        faultOf = _ => null;
        outbox = Substitute.For<IRecordedChanges>();
        sharedCaches = Substitute.For<ISharedCaches>();
        refresh = Substitute.For<IRequestHandler<RefreshCache, RefreshCacheResult>>();
        refresh.Handle(default!, default).ReturnsForAnyArgs(call =>
        {
            var request = call.Arg<RefreshCache>();
            if (faultOf(request) is { } fault)
            {
                throw fault;
            }

            applied.Add(request);
            return new RefreshCacheResult(request.Changes.Count, 0, 0);
        });
    }

    [Test]
    public async Task TheChangesOfAPageAreAppliedTogetherAndPassed()
    {
        Waits(new RecordedChange("1", 10, Deleted: false, Noon.AddSeconds(1)), new RecordedChange("2", 20, Deleted: true, Noon));

        var result = await RefreshAsync();

        Assert.That((result.Rows, result.Applied.Count, result.Skipped), Is.EqualTo((2, 2, 0)));
        Change[] changes = [new(new ProductId(1), new ProductVersion(10), Deleted: false), new(new ProductId(2), new ProductVersion(20), Deleted: true)];
        Assert.That(applied.Single().Changes, Is.EqualTo(changes));
        Assert.That(applied.Single().OldestAt, Is.EqualTo(Noon));
        Assert.That(position.Passed, Is.EquivalentTo(new long[] { 1, 2 }));
        sharedCaches.Received(1).PurgeSoon(Arg.Is<IReadOnlyCollection<Change>>(purged => purged.SequenceEqual(changes)), Noon);
    }

    [Test]
    public async Task ALargePageIsAppliedInRoundsOfLimitedSize()
    {
        Waits([.. Enumerable.Range(1, (2 * RefreshDirectlyHandler.MaxBatch) + 1).Select(id => Recorded(id))]);

        await RefreshAsync();

        Assert.That(applied.Select(round => round.Changes.Count), Is.EqualTo(new[] { RefreshDirectlyHandler.MaxBatch, RefreshDirectlyHandler.MaxBatch, 1 }));
    }

    [Test]
    public void WhatAnOutageLeavesIsReadAgain()
    {
        Waits(Recorded(1), Recorded(2));
        faultOf = _ => new UnavailableException(Dependency.Cache);

        Assert.That(RefreshAsync, Throws.TypeOf<UnavailableException>());
        Assert.That(position.Passed, Is.Empty);
        Assert.That(sharedCaches.ReceivedCalls(), Is.Empty);
    }

    [Test]
    public async Task AChangeThatCannotBeAppliedDoesNotHoldBackTheOthers()
    {
        Waits(Recorded(1), Recorded(2), Recorded(3));
        faultOf = request => request.Changes.Any(change => change.Id == new ProductId(2)) ? new InvalidOperationException("Of this row.") : null;

        var result = await RefreshAsync();

        Assert.That(result.Applied.Select(change => change.Id), Is.EqualTo(new[] { "1", "3" }));
        Assert.That(result.Skipped, Is.EqualTo(1));
        Assert.That(position.Passed, Is.EquivalentTo(new long[] { 1, 2, 3 }));
    }

    [TestCase("0", 1)]
    [TestCase("x", 1)]
    [TestCase("1", 0)]
    public async Task AnImpossibleChangeIsLeftToTheRelay(string id, long version)
    {
        Waits(new RecordedChange(id, version, Deleted: false, Noon), Recorded(2));

        var result = await RefreshAsync();

        Assert.That(applied.Single().Changes.Single().Id, Is.EqualTo(new ProductId(2)));
        Assert.That(result.Skipped, Is.EqualTo(1));
    }

    [Test]
    public void TheStopOfTheProcessEndsTheStep()
    {
        Waits(Recorded(1), Recorded(2));
        using var stopping = new CancellationTokenSource();
        stopping.Cancel();
        faultOf = _ => new OperationCanceledException(stopping.Token);

        Assert.That(() => RefreshAsync(stopping.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(position.Passed, Is.Empty);
    }

    private static RecordedChange Recorded(long id) => new($"{id}", 10 * id, Deleted: false, Noon);

    private void Waits(params RecordedChange[] changes) => outbox.ReadAsync(ChangeLane.Single, position, Arg.Any<CancellationToken>())
        .Returns(new OutboxPage([.. Enumerable.Range(1, changes.Length).Select(row => (long)row)], changes, HasMore: false, 1, 2));

    private Task<RefreshDirectlyResult> RefreshAsync(CancellationToken cancellationToken = default) =>
        new RefreshDirectlyHandler(outbox, refresh, sharedCaches: sharedCaches).Handle(new RefreshDirectly(ChangeLane.Single, position), cancellationToken);

    private Task<RefreshDirectlyResult> RefreshAsync() => RefreshAsync(default);
}
