using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>A process of this service, from its arguments to its exit code.</summary>
public static class ServiceProcess
{
    public const int Succeeded = 0;
    public const int WrongSettings = 2;

    /// <summary>Faults of the one who starts it are told in a sentence, not with a stack trace.</summary>
    public static async Task<int> RunAsync(string[] args, Func<string[], WebApplication> build)
    {
        try
        {
            await using var application = build(args);
            await application.RunAsync();
            return Succeeded;
        }
        catch (IOException exception) when (exception.InnerException is AddressInUseException)
        {
            // A connection of another process can use the port too, which only shows when the server binds it.
            await Console.Error.WriteLineAsync(exception.Message);
            return WrongSettings;
        }
        catch (SettingsException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return WrongSettings;
        }
    }
}
