using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.PortSpecifications;

/// <summary>The fake must pass what the real one passes.</summary>
public abstract class InMemoryGuardedCacheSpecification : GuardedCacheSpecification
{
    private FakeTimeProvider time = null!;
    private InMemoryCache cache = null!;

    protected override IGuardedCache Cache => cache;

    protected override IGuardedCache CacheReading(params byte[] formats) => cache.Reading(EntryFormat.OfFormats(formats));

    [SetUp]
    public void CreateCache()
    {
        time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        cache = new InMemoryCache(time);
    }

    protected override Task<byte[]?> ReadAsync(ProductId id) => cache.GetAsync(CacheKeys.Entry(id));

    protected override Task<TimeSpan> EntryTimeLeftAsync(ProductId id) => Task.FromResult(cache.EntryTimeLeft(id));

    protected override Task<TimeSpan> LeaseTimeLeftAsync(ProductId id) => Task.FromResult(cache.LeaseTimeLeft(id));

    protected override Task LetLeaseAgeAsync(ProductId id)
    {
        time.Advance(InMemoryCache.LeaseLifetime - TimeSpan.FromSeconds(1));
        return Task.CompletedTask;
    }

    protected override Task ExpireLeaseAsync(ProductId id)
    {
        time.Advance(InMemoryCache.LeaseLifetime);
        return Task.CompletedTask;
    }

    protected override Task LetEntryAgeAsync(ProductId id)
    {
        time.Advance(TimeSpan.FromMinutes(1));
        return Task.CompletedTask;
    }

    protected override Task ExpireEntryAsync(ProductId id)
    {
        cache.ExpireEntry(id);
        return Task.CompletedTask;
    }

    protected override Task LoseEverythingAsync()
    {
        cache.LoseEverything();
        return Task.CompletedTask;
    }

    protected override Task FailOverAsync()
    {
        cache.FailOver();
        return Task.CompletedTask;
    }

    protected override Task PutEntryAsync(ProductId id, byte[] payload, long rank)
    {
        cache.PutEntry(id, payload, rank);
        return Task.CompletedTask;
    }

    protected override Task<(Lease First, Lease Second)> ClaimSentTwiceAsync(ProductId id) => Task.FromResult(cache.ClaimSentTwice(id));
}
