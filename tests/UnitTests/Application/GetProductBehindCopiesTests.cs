using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

/// <summary>Reads that a near copy does not satisfy, with the real near cache before a cache that has something newer.</summary>
public sealed class GetProductBehindCopiesTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private ServiceProvider services = null!;
    private FakeTimeProvider time = null!;
    private InMemoryCache cache = null!;
    private NearCache near = null!;
    private IFillRequestPublisher requests = null!;
    private GetProductHandler handler = null!;

    [SetUp]
    public async Task SetUpAsync()
    {
        services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        time = new FakeTimeProvider(Sample.Time);
        cache = new InMemoryCache(time);
        near = new NearCache(cache, new NearCacheOptions(1_000_000, TimeSpan.FromSeconds(5)), time, services.GetRequiredService<IMeterFactory>());
        requests = Substitute.For<IFillRequestPublisher>();
        handler = new GetProductHandler(
            near,
            near,
            new MissCoalescer(near, cache, requests, time),
            new Revalidator(cache, near, requests, time),
            new EagerRefresh(cache, requests, time),
            time);

        // A copy of an entry that is half as old as it may get; then the cache is filled anew, of which no notification has come yet.
        near.OnNotification(new CacheNotification("epoch", 1, NotificationKind.Heartbeat, []));
        await FillAsync(EntryOf(version: 1, Sample.Time - (Lifetime / 2)));
        Assert.That(await GetAsync(), Is.InstanceOf<GetProductResult.Found>());
        cache.ExpireEntry(Sample.Id);
        await FillAsync(EntryOf(version: 2, Sample.Time));
        Assert.That(near.TryGet(Sample.Id, out var copy) ? copy.Version : 0, Is.EqualTo(1));
    }

    [TearDown]
    public void TearDown() => services.Dispose();

    [Test]
    public Task OnlyTheCachedWithATimeThatTheCopyDoesNotHaveLeft() => IsAnsweredByTheCacheAsync(
        new Freshness { OnlyIfCached = true, MinFresh = Lifetime * 0.9 });

    [Test]
    public Task OnlyTheCachedOfAVersionThatTheCopyIsOlderThan() => IsAnsweredByTheCacheAsync(
        new Freshness { OnlyIfCached = true, AtLeast = new ProductVersion(2) });

    [Test]
    public Task AnAgeThatTheCopyIsBeyond() => IsAnsweredByTheCacheAsync(new Freshness { MaxAge = Lifetime / 4 });

    [Test]
    public Task ATimeThatTheCopyDoesNotHaveLeft() => IsAnsweredByTheCacheAsync(new Freshness { MinFresh = Lifetime * 0.9 });

    [Test]
    public Task AVersionThatTheCopyIsOlderThan() => IsAnsweredByTheCacheAsync(new Freshness { AtLeast = new ProductVersion(2) });

    // Nothing is asked for anew: that would be a lease, a record and a read of PostgreSQL for what the cache has. From then on the copy
    // is what this reader has seen.
    private async Task IsAnsweredByTheCacheAsync(Freshness freshness)
    {
        var result = await GetAsync(freshness);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.InstanceOf<GetProductResult.Found>());
            Assert.That((result as GetProductResult.Found)?.Entry.Version, Is.EqualTo(2));
            Assert.That((result as GetProductResult.Found)?.Source, Is.EqualTo(EntrySource.Cache));
            Assert.That(requests.ReceivedCalls(), Is.Empty);
            Assert.That(await cache.TakeEagerLeaseAsync(Sample.Id, EntryOf(2, Sample.Time), CancellationToken.None), Is.Not.Null, "a lease was taken");
            Assert.That(near.TryGet(Sample.Id, out var copy) ? copy.Version : 0, Is.EqualTo(2));
        }
    }

    private static CachedProduct EntryOf(long version, DateTimeOffset filledAt) => CachedProduct.Of(Sample.Product(Sample.Id, version), filledAt, Lifetime);

    private async Task FillAsync(CachedProduct entry)
    {
        var claims = await cache.ClaimAsync([Sample.Id], CancellationToken.None);
        Assert.That(await cache.FillAsync([new Fill(claims[0]!.Value, entry)], CancellationToken.None), Is.EqualTo(new[] { FillOutcome.Stored }));
    }

    private Task<GetProductResult> GetAsync(Freshness? freshness = null) =>
        handler.Handle(new GetProduct(Sample.Id, TimeSpan.Zero, freshness), CancellationToken.None);
}
