using ProductCache.Application;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>A Redis that answers wrongly: damaged keys, no memory, a replica, an ACL without scripts.</summary>
internal sealed class RedisTrouble(TestBed testBed)
{
    /// <summary>Products whose keys are damaged in one round: the hot ones and some others.</summary>
    private const int Products = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    // None of them is a valid entry or lease.
    private static readonly (string Command, string[] Arguments)[] Damages =
    [
        ("SET", ["text"]),
        ("HSET", ["rank", "many"]),
        ("HSET", ["token", "", "floor", "low"]),
        ("HSET", ["data", "", "rank", "2", "absexp", "soon", "sldexp", "5"]),
        ("LPUSH", ["a", "b"]),
        ("SADD", ["member"]),
    ];

    public async Task HappenAsync(PlannedFault plan, CancellationToken cancellationToken)
    {
        await using var redis = await testBed.OpenRedisAsync();
        var server = redis.GetServers()[0];
        try
        {
            switch (plan.Kind)
            {
                case FaultKind.DamageKeys:
                    await DamageAsync(redis.GetDatabase(), plan.Hold, cancellationToken);
                    return;
                case FaultKind.RefuseWrites:
                    await server.ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "noeviction");
                    await server.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");
                    break;
                case FaultKind.Demote:
                    await server.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
                    break;
                default:
                    await server.ExecuteAsync("ACL", "SETUSER", "default", "-eval", "-evalsha");
                    break;
            }

            await Task.Delay(plan.Hold, cancellationToken);
        }
        finally
        {
            await server.ExecuteAsync("ACL", "SETUSER", "default", "+@all");
            await server.ExecuteAsync("REPLICAOF", "NO", "ONE");
            await server.ExecuteAsync("CONFIG", "SET", "maxmemory", "256mb");
            await server.ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
        }
    }

    private async Task DamageAsync(IDatabase database, TimeSpan hold, CancellationToken cancellationToken)
    {
        var random = new Random(Products);
        for (var rounds = (int)(hold / Interval); rounds >= 0; rounds--)
        {
            List<RedisKey> keys = ["product-cache:notifications", "product-cache:store"];
            for (var i = 1; i <= Products; i++)
            {
                var id = testBed.Tables.IdOf(i <= Products / 2 ? i : random.Next(1, Catalogue.InitialProducts));
                keys.Add(random.Next(2) == 0 ? CacheKeys.Entry(id) : CacheKeys.Lease(id));
            }

            foreach (var key in keys)
            {
                var (command, arguments) = Damages[random.Next(Damages.Length)];
                await database.KeyDeleteAsync(key);
                try
                {
                    await database.ExecuteAsync(command, [key, .. arguments]);
                }
                catch (RedisServerException)
                {
                    // The service has written the key between the two.
                }
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }
}
