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

        if (!NewApiKey.TryCreate(client, text, out var key, out var fault))
        {
            errors.WriteLine(fault);
            return ServiceProcess.WrongSettings;
        }

        output.WriteLine(key.ToLines());
        return ServiceProcess.Succeeded;
    }
}
