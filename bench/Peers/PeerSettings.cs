using System.Globalization;

namespace ProductCache.Bench;

/// <summary>Where a peer finds its servers, and how long its entries live.</summary>
/// <param name="Ttl">Lifetime of an entry in Redis.</param>
/// <param name="MemoryTtl">Lifetime of an entry in the memory of the process.</param>
internal sealed record PeerSettings(string Redis, string Postgres, TimeSpan Ttl, TimeSpan MemoryTtl)
{
    private const string RedisName = "BENCH_REDIS";
    private const string PostgresName = "BENCH_POSTGRES";
    private const string TtlName = "BENCH_TTL_SECONDS";
    private const string MemoryTtlName = "BENCH_MEMORY_TTL_SECONDS";

    /// <summary>The settings of this process.</summary>
    public static PeerSettings FromEnvironment() => new(
        Environment.GetEnvironmentVariable(RedisName)!,
        Environment.GetEnvironmentVariable(PostgresName)!,
        Seconds(TtlName),
        Seconds(MemoryTtlName));

    /// <summary>The environment of a process that is to have these settings. The connection string has a password: not as an argument.</summary>
    public IReadOnlyDictionary<string, string> ToEnvironment() => new Dictionary<string, string>
    {
        [RedisName] = Redis,
        [PostgresName] = Postgres,
        [TtlName] = Ttl.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        [MemoryTtlName] = MemoryTtl.TotalSeconds.ToString(CultureInfo.InvariantCulture),
    };

    private static TimeSpan Seconds(string name) =>
        TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable(name)!, CultureInfo.InvariantCulture));
}
