using System.Net;
using System.Net.NetworkInformation;

namespace ProductCache.Standalone;

/// <summary>Chooses ports: the well-known one where it is free, else the next free one.</summary>
public sealed class Ports
{
    private readonly HashSet<int> taken =
        [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(listener => listener.Port)];

    public int Take(int wanted)
    {
        for (var port = wanted; port <= IPEndPoint.MaxPort; port++)
        {
            if (taken.Add(port))
            {
                return port;
            }
        }

        throw new StandaloneException($"There is no free port from {wanted} on.");
    }
}
