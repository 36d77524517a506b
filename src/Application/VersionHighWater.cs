namespace ProductCache.Application;

/// <summary>The highest version of a row that this process has read. A singleton.</summary>
public sealed class VersionHighWater
{
    private long highest;

    public long Highest => Volatile.Read(ref highest);

    public void Raise(long version)
    {
        var before = Volatile.Read(ref highest);
        while (before < version)
        {
            before = Interlocked.CompareExchange(ref highest, version, before);
        }
    }
}
