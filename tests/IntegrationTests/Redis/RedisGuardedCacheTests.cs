using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Redis;

public sealed class RedisGuardedCacheTests : RedisGuardedCacheSpecification
{
    protected override async Task<string> AddressAsync()
    {
        var redis = await SharedServers.Redis;
        return $"{redis.Host}:{redis.Port}";
    }
}
