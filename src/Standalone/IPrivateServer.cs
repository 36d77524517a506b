namespace ProductCache.Standalone;

/// <summary>A server that this process started for its own use.</summary>
public interface IPrivateServer
{
    /// <summary>Completes when the server has ended, with its exit code.</summary>
    Task<int> EndedAsync();

    /// <summary>Starts or restarts the server, and returns when it answers.</summary>
    Task StartAsync();

    /// <summary>Stops the server if it still runs.</summary>
    Task StopAsync();
}
