using System.Globalization;
using System.Text;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Explorer;

/// <summary>
/// The product of a mapping. A row of the history is a version and a body, whose number is that of the commit that made it. A commit through a
/// key (a renamed category) makes another body and draws no version; a Worker draws it later.
/// </summary>
internal sealed partial class World
{
    private const int BodiesOfAVersion = 64;

    // Commits through a key whose products are not found yet.
    private int expansions;

    private bool IsMapped => Scenario.Mapped;

    /// <summary>What a Worker reads of such a row.</summary>
    public static StoreRead MappedReadOf(long row)
    {
        var (version, body) = (row / BodiesOfAVersion, row % BodiesOfAVersion);
        return body > 0
            ? new StoreRead(new Dictionary<ProductId, Product> { [Programs.Id] = new(Programs.Id, version, Encoding.UTF8.GetBytes($"{{\"b\":{body - 1}}}")) })
            : new StoreRead(new Dictionary<ProductId, Product>(), new Dictionary<ProductId, string>(), new Dictionary<ProductId, Absence> { [Programs.Id] = new(version) });
    }

    // 0: absent.
    private static long MappedRow(long version, int? body) => (version * BodiesOfAVersion) + (body + 1 ?? 0);

    private static long MappedRowOf(CachedProduct entry) => MappedRow(
        entry.Version, entry.IsAbsent ? null : int.Parse(Encoding.UTF8.GetString(entry.Body.Span).AsSpan()[5..^1], CultureInfo.InvariantCulture));

    private static bool IsAbsentRow(long row) => row % BodiesOfAVersion == 0;

    private static string DescribeMapped(long row) =>
        IsAbsentRow(row) ? $"an absence of version {row / BodiesOfAVersion}" : $"body {(row % BodiesOfAVersion) - 1} of version {row / BodiesOfAVersion}";

    // The commit that made the content: a draw alone makes none.
    private int MappedCommitOf(CachedProduct entry)
    {
        var row = MappedRowOf(entry);
        if (!IsAbsentRow(row))
        {
            return (int)(row % BodiesOfAVersion) - 1;
        }

        var commit = Array.IndexOf(history, row);
        while (commit > 0 && IsAbsentRow(history[commit - 1]))
        {
            commit--;
        }

        return commit;
    }

    private IEnumerable<(World Next, Func<string> What)> MappedWriterSteps()
    {
        if (expansions > 0)
        {
            yield return Checked(
                With(world =>
                {
                    world.expansions--;
                    world.DrawAndCommit(Row % BodiesOfAVersion);
                }),
                () => $"A Worker draws version {lastVersion + 1} for the products of a key");
        }

        if (changesLeft == 0)
        {
            yield break;
        }

        yield return Checked(
            With(world =>
            {
                world.changesLeft--;
                world.DrawAndCommit(history.Length + 1);
            }),
            () => $"A writer commits body {history.Length} and version {lastVersion + 1}");
        if (IsAbsentRow(Row))
        {
            yield break;
        }

        yield return Checked(
            With(world =>
            {
                world.changesLeft--;
                world.DrawAndCommit(0);
            }),
            () => $"A writer deletes the product and commits version {lastVersion + 1}");
        if (Scenario.ChangesThroughKeys)
        {
            yield return Checked(
                With(world =>
                {
                    world.changesLeft--;
                    world.expansions += Scenario.KeysAreWatched ? 1 : 0;
                    world.history = [.. history, MappedRow(Row / BodiesOfAVersion, history.Length)];
                }),
                () => $"A writer commits body {history.Length} through a key, and draws no version");
        }
    }

    /// <param name="content">The number of the body plus one; 0: absent.</param>
    private void DrawAndCommit(long content)
    {
        lastVersion++;
        Commit((lastVersion * BodiesOfAVersion) + content, new Change(Programs.Id, new ProductVersion(lastVersion), Deleted: false));
    }
}
