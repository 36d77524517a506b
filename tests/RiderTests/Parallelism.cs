using ProductCache.RiderTests;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: LevelOfParallelism(Parallelism.Workers)]

namespace ProductCache.RiderTests;

/// <summary>These tests wait for a broker most of their time, so more of them run than there are processors.</summary>
internal static class Parallelism
{
    public const int Workers = 8;
}
