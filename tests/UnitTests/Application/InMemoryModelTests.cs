using ProductCache.TestSupport.Model;

namespace ProductCache.UnitTests.Application;

/// <summary>The generated interleavings on the fake, which is quick: more of them.</summary>
public sealed class InMemoryModelTests : GuardedCacheModel
{
    protected override int Runs => 20_000;

    [TestCase("ChangedIsPublishedForEntriesOnly", 1)]
    [TestCase("ChangedIsPublishedBeforeTheRefresh", 14_000)]
    [TestCase("NearCacheIgnoresPendingReads", 1)]
    [TestCase("NearCacheIgnoresGaps", 4_000)]
    public Task APlantedBugBesideTheCacheIsFound(string bug, int firstRun) => AssertBugFoundAsync(bug, firstRun);

    protected override IModelledCache CreateCache() => new InMemoryModelledCache();
}
