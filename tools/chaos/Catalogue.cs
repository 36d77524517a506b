using System.Collections.Concurrent;

namespace ProductCache.Chaos;

/// <summary>Chooses ids for writers and readers: a few are hot, new ones are added, some never exist.</summary>
internal sealed class Catalogue
{
    public const int InitialProducts = 3_000;

    /// <summary>The products that are written and read most.</summary>
    public const int Hot = 20;

    private const int Unknown = 300;
    private const long FirstUnknown = 1_000_000_000;
    private const long FirstScenarioId = 500_000_000;

    /// <summary>Ids that will be inserted soon or were inserted just now: their negative entries must be removed.</summary>
    private const int Frontier = 20;

    private readonly ConcurrentDictionary<long, bool> free = new();
    private long last = InitialProducts;
    private long nextScenarioId = FirstScenarioId;

    /// <summary>All ids that a reader may have requested.</summary>
    public IEnumerable<long> Ids
    {
        get
        {
            for (var id = 1L; id <= Volatile.Read(ref last) + Frontier; id++)
            {
                yield return id;
            }

            for (var id = FirstScenarioId; id < Volatile.Read(ref nextScenarioId); id++)
            {
                yield return id;
            }

            for (var id = FirstUnknown; id < FirstUnknown + Unknown; id++)
            {
                yield return id;
            }
        }
    }

    public long NewId() => Interlocked.Increment(ref last);

    /// <summary>An id that is read and written by one scenario only.</summary>
    public long NewScenarioId() => Interlocked.Increment(ref nextScenarioId) - 1;

    /// <summary>The id of a product that was deleted, or a new one.</summary>
    public long FreeId(Random random)
    {
        foreach (var (id, _) in free.Skip(random.Next(Frontier)))
        {
            if (free.TryRemove(id, out _))
            {
                return id;
            }
        }

        return NewId();
    }

    /// <summary>A hint: another writer may have taken the id meanwhile.</summary>
    public void Freed(IEnumerable<long> ids)
    {
        foreach (var id in ids.Where(id => id < FirstScenarioId))
        {
            free[id] = true;
        }
    }

    public long IdToWrite(Random random) => random.Next(10) < 4 ? HotId(random) : AnyId(random);

    public long IdToRead(Random random) => random.Next(20) switch
    {
        < 9 => HotId(random),
        < 17 => AnyId(random),
        < 19 => Volatile.Read(ref last) + random.Next(-Frontier, Frontier) + 1,
        _ => FirstUnknown + random.Next(Unknown),
    };

    private static long HotId(Random random) => random.Next(1, Hot + 1);

    private long AnyId(Random random) => random.NextInt64(1, Volatile.Read(ref last) + 1);
}
