using Microsoft.AspNetCore.Builder;

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
        catch (SettingsException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return WrongSettings;
        }
    }
}
