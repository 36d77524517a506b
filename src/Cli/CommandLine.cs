using System.CommandLine;
using ProductCache.Cli.Verbs;

namespace ProductCache.Cli;

/// <summary>All verbs of productcache.</summary>
internal static class CommandLine
{
    /// <summary>Prints JSON instead of text: one document, or a line for each event.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "print JSON instead of text", Recursive = true };

    /// <summary>Confirms what cannot be undone.</summary>
    public static readonly Option<bool> Yes = new("--yes") { Description = "do not ask for a confirmation" };

    public static RootCommand Build() => new(
        "Looks into ProductCache and steers it. Settings come from the environment, as for the Worker: DB_…, REDIS_…, KAFKA_…, CACHE_NAMESPACE. "
        + "Exit codes: 0 done, 1 something was found, 2 wrong arguments or settings, 3 a server is not available.")
    {
        Show.Command(),
        Purge.Command(),
        Warm.Command(),
        DeadLetterVerbs.Command(),
        ParkedVerbs.Command(),
        Lag.Command(),
        Audit.Command(),
        Hot.Command(),
        Doctor.Command(),
        Keys.Command(),
        MappingVerbs.Command(),
        Json,
    };
}
