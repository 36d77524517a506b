using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>Runs a process of this service and returns its exit code.</summary>
public static class ServiceProcess
{
    public const int Succeeded = 0;
    public const int WrongSettings = 2;

    /// <summary>Invalid settings are reported in sentences, without a stack trace.</summary>
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
            // An outgoing connection of another process can occupy the port too. Only the bind detects that.
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
