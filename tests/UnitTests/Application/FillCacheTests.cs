using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class FillCacheTests
{
    private static readonly CacheLifetimes Lifetimes = new()
    {
        Product = TimeSpan.FromMinutes(10),
        Absent = TimeSpan.FromSeconds(30),
        JitterPercent = 10,
    };

    private readonly Dictionary<ProductId, Product> rows = [];
    private readonly Dictionary<ProductId, string> unreadable = [];
    private readonly List<ClaimRequest> claimed = [];
    private readonly List<Fill> fills = [];
    private readonly List<Lease> released = [];
    private readonly List<ProductId> announced = [];

    private IGuardedCache cache = null!;
    private IProductStore store = null!;
    private ICacheNotifications notifications = null!;
    private FakeTimeProvider time = null!;

    // What the ports make of a claim, a read and a fill; unless a test says otherwise, all succeed.
    private Func<ProductId, bool> isClaimed = null!;
    private Exception? readFault;
    private Func<ProductId, FillOutcome> outcomeOf = null!;

    [SetUp]
    public void SetUp()
    {
        rows.Clear();
        unreadable.Clear();
        claimed.Clear();
        fills.Clear();
        released.Clear();
        announced.Clear();
        isClaimed = _ => true;
        readFault = null;
        outcomeOf = _ => FillOutcome.Stored;
        time = new FakeTimeProvider(Sample.Time);
        cache = Substitute.For<IGuardedCache>();
        store = Substitute.For<IProductStore>();
        notifications = Substitute.For<ICacheNotifications>();

        var claims = 0;
        cache.ClaimAsync(default!, default).ReturnsForAnyArgs(call =>
        {
            claimed.AddRange(call.Arg<IReadOnlyList<ClaimRequest>>());
            return call.Arg<IReadOnlyList<ClaimRequest>>()
                .Select(request => isClaimed(request.Id) ? new Lease(request.Id, $"claim {++claims}") : default(Lease?)).ToList();
        });
        cache.FillAsync(default!, default).ReturnsForAnyArgs(call =>
        {
            fills.AddRange(call.Arg<IReadOnlyList<Fill>>());
            return call.Arg<IReadOnlyList<Fill>>().Select(fill => outcomeOf(fill.Claim.Id)).ToList();
        });
        cache.WhenForAnyArgs(port => port.ReleaseAsync(default!, default)).Do(call => released.AddRange(call.Arg<IReadOnlyList<Lease>>()));
        store.ReadAsync(default!, default).ReturnsForAnyArgs(call => readFault is null
            ? Task.FromResult(RowsOf(call.Arg<IReadOnlyCollection<ProductId>>()))
            : Task.FromException<StoreRead>(readFault));
        notifications.WhenForAnyArgs(port => port.FilledAsync(default!, default))
            .Do(call => announced.AddRange(call.Arg<IReadOnlyCollection<ProductId>>()));
    }

    [Test]
    public async Task WhatIsCachedAlreadyIsNotReadButAnnounced()
    {
        isClaimed = _ => false;

        var result = await Fill(1, 2);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 0, AlreadyThere: 2, Refused: 0, GivenUp: 0)));
            Assert.That(store.ReceivedCalls(), Is.Empty);
            Assert.That(fills, Is.Empty);
            Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
        }
    }

    [Test]
    public async Task NothingRequestedTouchesNothing()
    {
        var result = await Fill();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new FillCacheResult(0, 0, 0, 0)));
            Assert.That(cache.ReceivedCalls(), Is.Empty);
            Assert.That(store.ReceivedCalls(), Is.Empty);
            Assert.That(notifications.ReceivedCalls(), Is.Empty);
        }
    }

    [Test]
    public async Task ARowIsReadAfterTheClaimStoredUnderItAndAnnouncedLast()
    {
        InsertRow(1, version: 7);

        var result = await Fill(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 1, AlreadyThere: 0, Refused: 0, GivenUp: 0)));
            Assert.That(fills, Has.Count.EqualTo(1));
            Assert.That(fills[0].Claim, Is.EqualTo(new Lease(new ProductId(1), "claim 1")));
            Assert.That(fills[0].Entry.Version, Is.EqualTo(7));
            Assert.That(fills[0].Entry.FilledAt, Is.EqualTo(Sample.Time));
            Assert.That(released, Is.Empty);
        }

        Received.InOrder(() =>
        {
            cache.ClaimAsync(Arg.Any<IReadOnlyList<ClaimRequest>>(), Arg.Any<CancellationToken>());
            store.ReadAsync(Arg.Any<IReadOnlyCollection<ProductId>>(), Arg.Any<CancellationToken>());
            cache.FillAsync(Arg.Any<IReadOnlyList<Fill>>(), Arg.Any<CancellationToken>());
            notifications.FilledAsync(Arg.Any<IReadOnlyCollection<ProductId>>(), Arg.Any<CancellationToken>());
        });
    }

    [Test]
    public async Task AnAbsentRowBecomesANegativeEntryOfTheShortLifetime()
    {
        var result = await Fill(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Stored, Is.EqualTo(1));
            Assert.That(fills.Single().Entry.IsAbsent, Is.True);
            Assert.That(fills.Single().Entry.Lifetime, Is.InRange(Lifetimes.Absent * 0.9, Lifetimes.Absent * 1.1));
            Assert.That(announced, Is.EqualTo(Ids(1)));
        }
    }

    [Test]
    public async Task TheWholeBatchIsOneQuery()
    {
        for (var id = 1; id <= 100; id++)
        {
            InsertRow(id, version: id);
        }

        await Fill([.. Enumerable.Range(1, 100)]);

        await store.ReceivedWithAnyArgs(1).ReadAsync(default!, default);
        await cache.ReceivedWithAnyArgs(1).ClaimAsync(default!, default);
        await cache.ReceivedWithAnyArgs(1).FillAsync(default!, default);
        await notifications.ReceivedWithAnyArgs(1).FilledAsync(default!, default);
        Assert.That(
            fills.Select(fill => (fill.Claim.Id.Value, fill.Entry.Version)),
            Is.EqualTo(Enumerable.Range(1, 100).Select(id => ((long)id, (long)id))));
    }

    [Test]
    public async Task OnlyWhatWasClaimedIsRead()
    {
        isClaimed = id => id.Value == 2;
        InsertRow(1);
        InsertRow(2);

        var result = await Fill(1, 2, 3);

        Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 1, AlreadyThere: 2, Refused: 0, GivenUp: 0)));
        await store.Received(1).ReadAsync(Arg.Is<IReadOnlyCollection<ProductId>>(ids => ids.SequenceEqual(Ids(2))), Arg.Any<CancellationToken>());
        Assert.That(fills.Select(fill => fill.Claim.Id), Is.EqualTo(Ids(2)));
        Assert.That(announced, Is.EquivalentTo(Ids(1, 2, 3)));
    }

    [Test]
    public async Task RequestsForOneProductAreFolded()
    {
        InsertRow(1);

        var result = await Fill(1, 1, 2, 1);

        Assert.That(result.Stored, Is.EqualTo(2));
        Assert.That(claimed.Select(request => request.Id), Is.EqualTo(Ids(1, 2)));
        Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
    }

    [Test]
    public async Task ARefusedFillIsNeitherAnnouncedNorTriedAgain()
    {
        outcomeOf = id => id.Value == 1 ? FillOutcome.Refused : FillOutcome.Stored;

        var result = await Fill(1, 2);

        Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 1, AlreadyThere: 0, Refused: 1, GivenUp: 0)));
        await store.ReceivedWithAnyArgs(1).ReadAsync(default!, default);
        Assert.That(announced, Is.EqualTo(Ids(2)));
        Assert.That(released, Is.Empty);
    }

    [Test]
    public async Task ABatchOfRefusedFillsAnnouncesNothing()
    {
        outcomeOf = _ => FillOutcome.Refused;

        await Fill(1, 2);

        Assert.That(notifications.ReceivedCalls(), Is.Empty);
    }

    [Test]
    public async Task AnOutdatedRowIsClaimedAndReadAgain()
    {
        InsertRow(1, version: 5);
        InsertRow(2, version: 6);
        outcomeOf = id =>
        {
            // The change that made the row outdated is in SQL when it is read again.
            if (id.Value == 1 && rows[id].Version == 5)
            {
                InsertRow(1, version: 8);
                return FillOutcome.Outdated;
            }

            return FillOutcome.Stored;
        };

        var result = await Fill(1, 2);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 2, AlreadyThere: 0, Refused: 0, GivenUp: 0)));
            Assert.That(fills.Select(fill => (fill.Claim.Id.Value, fill.Entry.Version)), Is.EqualTo(new[] { (1L, 5L), (2L, 6L), (1L, 8L) }));
            Assert.That(fills[2].Claim.Token, Is.Not.EqualTo(fills[0].Claim.Token), "the second read goes by a claim of its own");
            Assert.That(released, Is.Empty);
            Assert.That(announced, Is.EquivalentTo(Ids(1, 2)));
        }
    }

    [Test]
    public async Task AnOutdatedRowThatSomebodyElseFilledMeanwhileIsAnnounced()
    {
        outcomeOf = _ => FillOutcome.Outdated;
        isClaimed = _ => fills.Count == 0;

        var result = await Fill(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 0, AlreadyThere: 1, Refused: 0, GivenUp: 0)));
            Assert.That(released, Is.Empty);
            Assert.That(announced, Is.EqualTo(Ids(1)));
        }
    }

    [Test]
    public async Task ARowThatIsOutdatedThreeTimesIsGivenUpAndItsLeaseReleased()
    {
        InsertRow(1);
        InsertRow(2);
        outcomeOf = id => id.Value == 1 ? FillOutcome.Outdated : FillOutcome.Stored;

        var result = await Fill(1, 2);

        Assert.That(result, Is.EqualTo(new FillCacheResult(Stored: 1, AlreadyThere: 0, Refused: 0, GivenUp: 1)));
        await store.ReceivedWithAnyArgs(3).ReadAsync(default!, default);
        Assert.That(released, Is.EqualTo(new[] { fills[^1].Claim }), "the last claim, and no other, is released");
        Assert.That(announced, Is.EqualTo(Ids(2)));
    }

    [Test]
    public void AStoreThatDoesNotAnswerStoresAndAnnouncesNothing()
    {
        readFault = new UnavailableException(Dependency.Store);

        Assert.That(() => Fill(1), Throws.TypeOf<UnavailableException>().With.Property("Dependency").EqualTo(Dependency.Store));
        Assert.That(fills, Is.Empty);
        Assert.That(notifications.ReceivedCalls(), Is.Empty);
    }

    [Test]
    public async Task LifetimesDifferWithinTheJitter()
    {
        var ids = Enumerable.Range(1, 1_000).ToArray();
        foreach (var id in ids.Where(id => id % 2 == 0))
        {
            InsertRow(id);
        }

        await Fill(ids);

        var products = fills.Where(fill => !fill.Entry.IsAbsent).Select(fill => fill.Entry.Lifetime).ToList();
        var negative = fills.Where(fill => fill.Entry.IsAbsent).Select(fill => fill.Entry.Lifetime).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(products, Has.Count.EqualTo(500));
            Assert.That(products, Is.All.InRange(Lifetimes.Product * 0.9, Lifetimes.Product * 1.1));
            Assert.That(products.Max() - products.Min(), Is.GreaterThan(Lifetimes.Product * 0.15));
            Assert.That(negative, Has.Count.EqualTo(500));
            Assert.That(negative, Is.All.InRange(Lifetimes.Absent * 0.9, Lifetimes.Absent * 1.1));
            Assert.That(negative.Max() - negative.Min(), Is.GreaterThan(Lifetimes.Absent * 0.15));
        }
    }

    [Test]
    public async Task TheClaimOfAProductRenewsWhatAnyOfItsRequestsRenews()
    {
        var (one, other) = (new EntryTimes(1, 10), new EntryTimes(2, 10));
        var (first, second) = (new ProductId(1), new ProductId(2));
        outcomeOf = _ => claimed.Count <= 2 ? FillOutcome.Outdated : FillOutcome.Stored;

        await Handler(Lifetimes).Handle(
            new FillCache([new(first, one), new(second), new(first), new(first, other), new(first, one)]), CancellationToken.None);

        // The second attempt for what was outdated says the same.
        Assert.That(claimed.Select(request => request.Id), Is.EqualTo(new[] { first, second, first, second }));
        Assert.That(claimed.Select(request => request.Renews), Is.EqualTo(new EntryTimes[][] { [one, other], [], [one, other], [] }));
    }

    [Test]
    public async Task WithoutJitterALifetimeIsExact()
    {
        InsertRow(1);

        await Handler(Lifetimes with { JitterPercent = 0 }).Handle(new FillCache([new FillRequest(new ProductId(1))]), CancellationToken.None);

        Assert.That(fills.Single().Entry.Lifetime, Is.EqualTo(Lifetimes.Product));
    }

    [Test]
    public void AProductThatCannotBeReadAndWasRequestedAloneIsCachedWithTheReasonAndReported()
    {
        unreadable[new ProductId(1)] = "The price is negative.";

        Assert.That(() => Fill(1), Throws.TypeOf<UnreadableProductException>().With.Message.Contains("Product 1").And.Message.Contains("The price is negative."));

        var entry = fills.Single().Entry;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry.IsUnreadable, Is.True);
            Assert.That(entry.Reason, Is.EqualTo("The price is negative."));
            Assert.That(entry.Rank, Is.Zero);
            Assert.That(entry.Lifetime, Is.EqualTo(Lifetimes.Absent).Within(TimeSpan.FromSeconds(3)));
            Assert.That(announced, Is.EqualTo(Ids(1)));
        }
    }

    [Test]
    public async Task ARowThatIsValidAtTheNextAttemptIsNoFault()
    {
        unreadable[new ProductId(1)] = "The price is negative.";
        outcomeOf = id =>
        {
            if (!unreadable.Remove(id))
            {
                return FillOutcome.Stored;
            }

            InsertRow(1);
            return FillOutcome.Outdated;
        };

        Assert.That((await Fill(1)).Stored, Is.EqualTo(1));
    }

    [Test]
    public void OfSeveralRequestsThoseThatCanBeReadAreFilledBeforeTheFaultIsReported()
    {
        InsertRow(1);
        InsertRow(3);
        unreadable[new ProductId(2)] = "The price is negative.";

        Assert.That(() => Fill(1, 2, 3, 4), Throws.TypeOf<UnreadableProductException>());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fills.Select(fill => fill.Claim.Id), Is.EqualTo(Ids(1, 3, 4)));
            Assert.That(announced, Is.EqualTo(Ids(1, 3, 4)));
            Assert.That(released, Is.Empty);
        }
    }

    private static ProductId[] Ids(params int[] ids) => [.. ids.Select(id => new ProductId(id))];

    private StoreRead RowsOf(IReadOnlyCollection<ProductId> ids) => new(
        ids.Where(rows.ContainsKey).ToDictionary(id => id, id => rows[id]),
        ids.Where(unreadable.ContainsKey).ToDictionary(id => id, id => unreadable[id]));

    private void InsertRow(int id, long version = 1) => rows[new ProductId(id)] = Sample.Product(new ProductId(id), version);

    private Task<FillCacheResult> Fill(params int[] ids) => Handler(Lifetimes).Handle(new FillCache([.. Ids(ids).Select(id => new FillRequest(id))]), CancellationToken.None);

    private FillCacheHandler Handler(CacheLifetimes lifetimes) => new(
        cache, store, notifications, lifetimes, new NegativeCachingPolicy(lifetimes, time, new Random(1)), time, new Random(1));
}
