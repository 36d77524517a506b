using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>key NAME SCOPES: makes an API key. Nothing is kept; whoever asked puts the line where the service reads it.</summary>
internal static class KeyCommand
{
    public const string Name = "key";

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        if (args is not [var client, var text])
        {
            errors.WriteLine("A key is made with: key NAME SCOPES, for example: key shop products:read,products:write");
            return ServiceProcess.WrongSettings;
        }

        if (!ApiKey.IsClient(client))
        {
            errors.WriteLine($"A name has at most {ApiKey.MaxClientLength} characters of a-z, 0-9 and -.");
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
