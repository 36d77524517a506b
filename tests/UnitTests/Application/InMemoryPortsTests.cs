using ProductCache.TestSupport.PortSpecifications;

namespace ProductCache.UnitTests.Application;

public sealed class InMemoryGuardedCacheTests : InMemoryGuardedCacheSpecification;

public sealed class InMemoryProductStoreTests : InMemoryProductStoreSpecification;

public sealed class InMemoryMappedCacheTests : InMemoryMappedCacheSpecification;
