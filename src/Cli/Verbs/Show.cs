using System.CommandLine;
using System.Globalization;
using System.Text;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Cli.Verbs;

/// <summary>show ID: near caches, Redis and PostgreSQL side by side.</summary>
internal static class Show
{
    /// <summary>How often --follow looks.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    public static Command Command()
    {
        var id = new Argument<string>("ID") { Description = "the product" };
        var follow = new Option<bool>("--follow") { Description = "look every half second and print what changes, until Ctrl-C" };
        var command = new Command("show", "Shows a product in the near cache of each Api, in Redis and in PostgreSQL. Exit code 1 if they differ.") { id, follow };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments, tool => RunAsync(tool, arguments.GetRequiredValue(id), arguments.GetValue(follow), cancellationToken), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Tool tool, string text, bool follow, CancellationToken cancellationToken)
    {
        var id = tool.IdOf(text);
        string? before = null;
        while (true)
        {
            var found = await tool.Mediator.Send(new InspectProduct(id), cancellationToken);
            if (StateOf(found) is var state && state != before)
            {
                before = state;
                Print(tool, text, found);
            }

            if (!follow)
            {
                return found.Finding is Finding.Same or Finding.NotCached ? ExitCode.Succeeded : ExitCode.Found;
            }

            await Task.Delay(LookInterval, tool.Time, cancellationToken);
        }
    }

    // Without the ages, which always change.
    private static string StateOf(ProductInspection found) => string.Join(
        '|',
        [
            .. found.NearCopies.Select(copy => $"{copy.Instance}={copy.Version}"),
            $"{found.Entry.Entry?.Version}/{found.Entry.Entry?.FilledAt:O}/{found.Entry.Fault}",
            $"{found.Entry.Lease?.IsClaim}/{found.Entry.Lease?.Floor}",
            $"{found.Row?.Version}/{found.Row?.Fault}",
        ]);

    private static void Print(Tool tool, string id, ProductInspection found)
    {
        if (tool.IsJson)
        {
            tool.Json(new
            {
                id,
                found.Finding,
                NearCopies = found.NearCopies.Select(copy => new { copy.Instance, copy.Version, AgeSeconds = copy.Age?.TotalSeconds }),
                Redis = new
                {
                    found.Entry.Entry?.Version,
                    AgeSeconds = AgeOf(tool, found)?.TotalSeconds,
                    LifetimeSeconds = found.Entry.Entry?.Lifetime.TotalSeconds,
                    ExpiresInSeconds = found.Entry.ExpiresIn?.TotalSeconds,
                    Body = BodyOf(found.Entry.Entry),
                    found.Entry.Fault,
                    Lease = found.Entry.Lease is { } lease ? new { lease.IsClaim, lease.Floor, ExpiresInSeconds = lease.ExpiresIn.TotalSeconds } : null,
                },
                Postgres = found.Row is { } row ? new { row.Version, Body = TextOf(row.Product), row.Fault } : null,
            });
            return;
        }

        tool.Line(string.Create(CultureInfo.InvariantCulture, $"{tool.Time.GetLocalNow():HH:mm:ss.fff}  product {id}: {SentenceOf(found.Finding)}"));
        tool.Table(["where", "version", "age", "lifetime", "what"], [.. found.NearCopies.Select(CopyRow), EntryRow(tool, found), .. LeaseRows(found.Entry.Lease), RowRow(found.Row)]);
    }

    private static string[] CopyRow(NearCopy copy) =>
        [$"near cache {copy.Instance}", VersionOf(copy.Version), TextOf(copy.Age), string.Empty, copy.Version is null ? "no copy" : "copy"];

    private static string[] EntryRow(Tool tool, ProductInspection found) =>
    [
        "Redis",
        VersionOf(found.Entry.Entry?.Version),
        TextOf(AgeOf(tool, found)),
        TextOf(found.Entry.Entry?.Lifetime),
        found.Entry.Fault ?? BodyOf(found.Entry.Entry) ?? "no entry",
    ];

    private static IEnumerable<string[]> LeaseRows(InspectedLease? lease) => lease is null ? [] :
        [["Redis, lease", string.Empty, string.Empty, TextOf(lease.ExpiresIn), lease.IsClaim ? "a Worker fills it" : "a reader has requested it"]];

    private static string[] RowRow(InspectedRow? row) =>
        ["PostgreSQL", VersionOf(row?.Product is null ? null : row.Version), string.Empty, string.Empty, row?.Fault ?? TextOf(row?.Product) ?? "no row"];

    private static string SentenceOf(Finding finding) => finding switch
    {
        Finding.Same => "all places have the version of PostgreSQL.",
        Finding.NotCached => "it is not cached.",
        Finding.Different => "a place has another version than PostgreSQL. If a change is on its way, it arrives within a second: look again.",
        _ => "PostgreSQL could not be asked.",
    };

    private static TimeSpan? AgeOf(Tool tool, ProductInspection found) => found.Entry.Entry?.AgeAt(tool.Time.GetUtcNow());

    private static string? BodyOf(CachedProduct? entry) => entry switch
    {
        null => null,
        { IsAbsent: true } => "there is no such product",
        { IsUnreadable: true } => entry.Reason,
        _ => Encoding.UTF8.GetString(entry.Body.Span),
    };

    private static string? TextOf(Product? product) => product is null ? null : Encoding.UTF8.GetString(product.Json.Span);

    private static string VersionOf(long? version) => version?.ToString(CultureInfo.InvariantCulture) ?? string.Empty;

    private static string TextOf(TimeSpan? span) => span is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s") : string.Empty;
}
