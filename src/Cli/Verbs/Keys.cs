using System.CommandLine;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Cli.Verbs;

/// <summary>keys new NAME SCOPES: a new API key. Nothing is stored, and no server is asked.</summary>
internal static class Keys
{
    public static Command Command()
    {
        var client = new Argument<string>("NAME") { Description = "the client" };
        var scopes = new Argument<string>("SCOPES") { Description = $"some of {string.Join(",", Scopes.All)}" };
        var create = new Command("new", "Creates an API key and prints it, with the line for API_KEYS that knows it.") { client, scopes };
        create.SetAction(arguments =>
        {
            if (!NewApiKey.TryCreate(arguments.GetRequiredValue(client), arguments.GetRequiredValue(scopes), out var key, out var fault))
            {
                Console.Error.WriteLine(fault);
                return ExitCode.Usage;
            }

            if (arguments.GetValue(CommandLine.Json))
            {
                Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(new { key = key.Text, line = key.Line }));
            }
            else
            {
                Console.WriteLine(key.ToLines());
            }

            return ExitCode.Succeeded;
        });
        return new Command("keys", "API keys.") { create };
    }
}
