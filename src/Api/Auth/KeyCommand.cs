using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>The command <c>key NAME SCOPES</c> creates an API key and prints it. It stores nothing: the operator adds the line to API_KEYS.</summary>
internal static class KeyCommand
{
    public const string Name = "key";

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        if (args is not [var client, var text])
        {
            errors.WriteLine("Usage: key NAME SCOPES, for example: key shop products:read,products:write");
            return ServiceProcess.WrongSettings;
        }

        if (!ApiKey.IsClient(client))
        {
            errors.WriteLine($"NAME must have 1 to {ApiKey.MaxClientLength} characters of a-z, 0-9 and -.");
            return ServiceProcess.WrongSettings;
        }

        if (!Scopes.TryRead(text, out var scopes))
        {
            errors.WriteLine($"The {Scopes.Rule}");
            return ServiceProcess.WrongSettings;
        }

        var key = NewApiKey.Create(client, scopes);
        output.WriteLine($"Key, shown only here:  {key.Text}");
        output.WriteLine($"Line for API_KEYS:     {key.Line}");
        return ServiceProcess.Succeeded;
    }
}
