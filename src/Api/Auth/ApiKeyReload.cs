using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>Reads API_KEYS_FILE again when it changes, so that a key is added or revoked without a restart.</summary>
internal sealed partial class ApiKeyReload(ApiKeys keys, TimeProvider time, ILogger<ApiKeyReload> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => new FileWatch(keys.Files, time).RunAsync(Reload, stoppingToken);

    private void Reload()
    {
        if (keys.Reload() is { Count: > 0 } faults)
        {
            NotReloaded(string.Join(" ", faults));
        }
        else
        {
            Reloaded(keys.Count);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The API keys were read again: {Count} keys")]
    private partial void Reloaded(int count);

    [LoggerMessage(2, LogLevel.Error, "The API keys have changed and are not valid; the earlier ones still hold. {Faults}")]
    private partial void NotReloaded(string faults);
}
