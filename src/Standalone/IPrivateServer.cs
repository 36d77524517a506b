namespace ProductCache.Standalone;

/// <summary>A server that this process has started for itself.</summary>
public interface IPrivateServer
{
    /// <summary>Completes when the server has ended, with its exit code.</summary>
    Task<int> EndedAsync();

    /// <summary>Starts the server, again if it has ended, and returns when it answers.</summary>
    Task StartAsync();

    /// <summary>Stops what is left of it.</summary>
    Task StopAsync();
}
