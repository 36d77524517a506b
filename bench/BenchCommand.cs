namespace ProductCache.Bench;

/// <summary>What the command line asks for.</summary>
/// <param name="Benches">In the order in which they run.</param>
/// <param name="Out">The folder of the charts, beside which the page stands; null: print only.</param>
internal sealed record BenchCommand(IReadOnlyList<string> Benches, string? Out)
{
    private const string OutOption = "--out";

    /// <summary>The benches that need all servers, the Api and the Worker.</summary>
    public static IReadOnlyList<string> OfService { get; } = ["hits", "freshness", "many", "misses", "changes", "bulk", "sql", "tracing", "mapping", "compression", "events"];

    /// <summary>The benches that need Kafka only. The last one takes long, and runs only when it is named.</summary>
    public static IReadOnlyList<string> OfRider { get; } = ["rider", "rider-memory"];

    /// <summary>The command, or what is wrong with the arguments.</summary>
    public static (BenchCommand? Command, string? Error) Parse(IReadOnlyList<string> arguments)
    {
        string[] all = [.. OfService, .. OfRider];
        List<string> benches = [];
        string? folder = null;
        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] == OutOption)
            {
                if (folder is not null)
                {
                    return (null, $"{OutOption} can be given once only.");
                }

                if (i + 1 == arguments.Count || arguments[i + 1].Length == 0 || arguments[i + 1].StartsWith('-'))
                {
                    return (null, $"{OutOption} needs a folder, such as {OutOption} docs/benchmarks.");
                }

                folder = Path.GetFullPath(arguments[++i]).TrimEnd(Path.DirectorySeparatorChar);
            }
            else if (arguments[i].StartsWith('-'))
            {
                return (null, $"There is no option {arguments[i]}; the only one is {OutOption} FOLDER.");
            }
            else if (!all.Contains(arguments[i]))
            {
                return (null, $"There is no bench {arguments[i]}; there are: {string.Join(", ", all)}.");
            }
            else
            {
                benches.Add(arguments[i]);
            }
        }

        if (folder is not null && !Directory.Exists(Path.GetDirectoryName(folder)))
        {
            return (null, $"{OutOption} names a folder in one that does not exist: {Path.GetDirectoryName(folder)}.");
        }

        return (new BenchCommand(benches.Count == 0 ? all[..^1] : [.. benches.Distinct()], folder), null);
    }
}
