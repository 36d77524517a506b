using ProductCache.Infrastructure.Hosting;
using ProductCache.Standalone;

try
{
    return await StandaloneProcess.RunAsync();
}
catch (SettingsException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return ServiceProcess.WrongSettings;
}
