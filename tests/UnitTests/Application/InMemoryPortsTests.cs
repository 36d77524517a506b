using ProductCache.TestSupport.Contracts;

namespace ProductCache.UnitTests.Application;

public sealed class InMemoryGuardedCacheTests : InMemoryGuardedCacheContract;

public sealed class InMemoryProductStoreTests : InMemoryProductStoreContract;
