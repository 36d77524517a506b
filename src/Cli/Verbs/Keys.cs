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
            if (!ApiKey.IsClient(arguments.GetRequiredValue(client)))
            {
                Console.Error.WriteLine($"NAME must have 1 to {ApiKey.MaxClientLength} characters of a-z, 0-9 and -.");
                return ExitCode.Usage;
            }

            if (!Scopes.TryRead(arguments.GetRequiredValue(scopes), out var known))
            {
                Console.Error.WriteLine($"The {Scopes.Rule}");
                return ExitCode.Usage;
            }

            var key = NewApiKey.Create(arguments.GetRequiredValue(client), known);
            if (arguments.GetValue(CommandLine.Json))
            {
                Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(new { key = key.Text, line = key.Line }));
            }
            else
            {
                Console.WriteLine($"Key, shown only here:  {key.Text}");
                Console.WriteLine($"Line for API_KEYS:     {key.Line}");
            }

            return ExitCode.Succeeded;
        });
        return new Command("keys", "API keys.") { create };
    }
}
