using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Model;

/// <summary>
/// The table as a list of all states that were ever committed. Commits are numbered, and a state is as new as its commit.
/// </summary>
internal sealed class ModelTable(IReadOnlyList<ProductId> products)
{
    private readonly Dictionary<ProductId, List<State>> history = products.ToDictionary(id => id, _ => new List<State> { new(0, null) });
    private readonly Dictionary<long, long> commitOfVersion = [];
    private readonly List<(ProductId Id, long Version)> drawn = [];
    private long versions;

    /// <summary>The number of the last commit.</summary>
    public long Commits { get; private set; }

    /// <summary>Committed and not published yet.</summary>
    public List<Change> Outbox { get; } = [];

    public IReadOnlyList<(ProductId Id, long Version)> Drawn => drawn;

    /// <summary>The version of the row that is there.</summary>
    public long? VersionOf(ProductId id) => history[id][^1].Version;

    /// <summary>When the state that is there was committed.</summary>
    public long LastCommitOf(ProductId id) => history[id][^1].Commit;

    public long Upsert(ProductId id) => CommitRow(id, ++versions);

    /// <summary>The version of the row that was there.</summary>
    public long? Delete(ProductId id)
    {
        if (VersionOf(id) is { } version)
        {
            Commit(id, null);
            Outbox.Add(new Change(id, new ProductVersion(version), Deleted: true));
            return version;
        }

        return null;
    }

    /// <summary>An insert has drawn its version, and commits later.</summary>
    public long Draw(ProductId id)
    {
        drawn.Add((id, ++versions));
        return versions;
    }

    /// <summary>False: there is a row by now, so it is rolled back.</summary>
    public bool TryCommitDrawn(int index)
    {
        var (id, version) = drawn[index];
        drawn.RemoveAt(index);
        if (VersionOf(id) is not null)
        {
            return false;
        }

        CommitRow(id, version);
        return true;
    }

    /// <summary>When the state that an entry shows was committed. A negative entry was filled at its read's commit number.</summary>
    public long CommitOf(ProductId id, CachedProduct entry) => entry.IsAbsent
        ? history[id].Last(state => state.Commit <= entry.FilledAt.ToUnixTimeMilliseconds()).Commit
        : commitOfVersion[entry.Version];

    /// <summary>
    /// Whether an entry shows what was there before a commit that a reader has seen. One exception: the commit was of a row that
    /// had drawn its version before the one of the entry, and came late. By their versions, which are what readers see, the
    /// entry is the newer one; it is gone once its deletion has passed.
    /// </summary>
    public bool IsOlder(ProductId id, CachedProduct entry, long seen) =>
        CommitOf(id, entry) < seen
        && !(history[id].Last(state => state.Commit <= seen).Version is { } version && entry.Version > version);

    private long CommitRow(ProductId id, long version)
    {
        Commit(id, version);
        commitOfVersion[version] = Commits;
        Outbox.Add(new Change(id, new ProductVersion(version), Deleted: false));
        return version;
    }

    private void Commit(ProductId id, long? version) => history[id].Add(new State(++Commits, version));

    private readonly record struct State(long Commit, long? Version);
}
