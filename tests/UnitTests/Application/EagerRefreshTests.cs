using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

public sealed class EagerRefreshTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);
    private static readonly CachedProduct Due = EntryOf(Lifetime, Lifetime);

    private FakeTimeProvider time = null!;
    private GatedLeases leases = null!;
    private GatedRequests requests = null!;
    private EagerRefresh early = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider(Sample.Time);
        leases = new GatedLeases();
        requests = new GatedRequests();
        early = new EagerRefresh(leases, requests, time);
    }

    [TestCase(100, 90)]
    [TestCase(100, 99.9)]
    [TestCase(100, 100)]
    [TestCase(100, 5_000)]
    [TestCase(600, 540)]
    [TestCase(3_600, 3_540)]
    [TestCase(86_400, 86_340)]
    public async Task InTheLastTenthOfALifetimeOrItsLastMinuteAReadAsks(double lifetime, double age)
    {
        early.RefreshIfDue(Sample.Id, EntryOf(TimeSpan.FromSeconds(lifetime), TimeSpan.FromSeconds(age)));

        Assert.That((await leases.NextAsync()).Argument, Is.EqualTo(Sample.Id));
    }

    [TestCase(100, 0)]
    [TestCase(100, 89.9)]
    [TestCase(600, 539.9)]
    [TestCase(3_600, 3_539.9)]
    [TestCase(86_400, 80_000)]
    public async Task BeforeThatAReadDoesNotAsk(double lifetime, double age)
    {
        early.RefreshIfDue(Sample.Id, EntryOf(TimeSpan.FromSeconds(lifetime), TimeSpan.FromSeconds(age)));

        Assert.That(await AskedBeforeAsync(1, 2, 3), Is.Empty);
    }

    [TestCase(0)]
    [TestCase(30)]
    [TestCase(3_600)]
    public async Task ANegativeEntryIsNeverAskedFor(double age)
    {
        early.RefreshIfDue(Sample.Id, CachedProduct.Absent(Sample.Time - TimeSpan.FromSeconds(age), TimeSpan.FromSeconds(30)));

        Assert.That(await AskedBeforeAsync(1, 2, 3), Is.Empty);
    }

    [Test]
    public async Task WhoTakesTheLeaseAsksForTheProduct()
    {
        early.RefreshIfDue(Sample.Id, Due);
        (await leases.NextAsync()).Answer(new Lease(Sample.Id, "token"));

        var request = await requests.NextAsync();
        request.Answer();

        Assert.That(request.Argument, Is.EqualTo(Sample.Id));
        Assert.That(requests.Renews, Is.EqualTo(new EntryTimes?[] { EntryTimes.Of(Due) }));
        await Eventually.TrueAsync(() => request.Result.IsCompleted);
        Assert.That(leases.Released, Is.Empty);
    }

    [Test]
    public async Task WhoseLeaseIsTakenAsksForNothing()
    {
        early.RefreshIfDue(Sample.Id, Due);
        (await leases.NextAsync()).Answer(null);
        await PublishAsync(new ProductId(1));

        Assert.That(requests.Calls, Is.EqualTo(1));
    }

    [Test]
    public async Task ReadersOfOneProductAskOnceAtATime()
    {
        Parallel.For(0, 100, _ => early.RefreshIfDue(Sample.Id, Due));
        var take = await leases.NextAsync();
        Assert.That(await AskedBeforeAsync(1, 2, 3), Is.Empty);

        // Not for a while after it was asked for, either.
        take.Answer(null);
        Assert.That(await AskedBeforeAsync(4, 5, 6), Is.Empty);
        early.RefreshIfDue(Sample.Id, Due);
        Assert.That(await AskedBeforeAsync(7, 8, 9), Is.Empty);

        await AsksAgainAsync(Sample.Id);
    }

    [Test]
    public async Task ALeaseIsGivenBackWhenNothingCouldBePublishedAndALaterReadAsksAgain()
    {
        var lease = new Lease(Sample.Id, "token");
        early.RefreshIfDue(Sample.Id, Due);
        (await leases.NextAsync()).Answer(lease);

        (await requests.NextAsync()).Fail(new UnavailableException(Dependency.Broker));

        await Eventually.TrueAsync(() => leases.Released.Count > 0);
        Assert.That(leases.Released, Is.EqualTo(new[] { lease }));
        await AsksAgainAsync(Sample.Id);
    }

    [Test]
    public async Task ACacheThatDoesNotAnswerIsAskedAgainByALaterRead()
    {
        early.RefreshIfDue(Sample.Id, Due);
        (await leases.NextAsync()).Fail(new UnavailableException(Dependency.Cache));

        await AsksAgainAsync(Sample.Id);
        Assert.That(requests.Calls, Is.Zero);
    }

    [Test]
    public async Task OnlySoManyProductsAreAskedForAtOneTime()
    {
        List<Gated<ProductId, Lease?>.Call> takes = [];
        for (var id = 1; id <= EagerRefresh.MaxAsking; id++)
        {
            early.RefreshIfDue(new ProductId(id), Due);
            takes.Add(await leases.NextAsync());
        }

        var oneMore = new ProductId(EagerRefresh.MaxAsking + 1);
        early.RefreshIfDue(oneMore, Due);
        takes[0].Answer(null);

        // There is room again once the first one has let its interval pass; nothing asked before that.
        await AsksAgainAsync(takes[0].Argument);
        Assert.That(leases.Calls, Is.EqualTo(EagerRefresh.MaxAsking + 1));
    }

    private static CachedProduct EntryOf(TimeSpan lifetime, TimeSpan age) => CachedProduct.Of(Sample.Product(Sample.Id), Sample.Time - age, lifetime);

    private async Task PublishAsync(ProductId id)
    {
        early.RefreshIfDue(id, Due);
        (await leases.NextAsync()).Answer(new Lease(id, "token"));
        (await requests.NextAsync()).Answer();
    }

    /// <summary>Who asked before some other products that ask now, one after the other.</summary>
    private async Task<List<ProductId>> AskedBeforeAsync(params IEnumerable<int> others)
    {
        List<ProductId> asked = [];
        foreach (var other in others.Select(id => new ProductId(id)))
        {
            early.RefreshIfDue(other, Due);
            Gated<ProductId, Lease?>.Call take;
            while ((take = await leases.NextAsync()).Argument != other)
            {
                asked.Add(take.Argument);
                take.Answer(null);
            }

            take.Answer(null);
        }

        return asked;
    }

    private async Task AsksAgainAsync(ProductId id)
    {
        var before = leases.Calls;
        await Eventually.TrueAsync(() =>
        {
            time.Advance(EagerRefresh.AskInterval);
            early.RefreshIfDue(id, Due);
            return leases.Calls > before;
        });
        Assert.That((await leases.NextAsync()).Argument, Is.EqualTo(id));
    }
}
