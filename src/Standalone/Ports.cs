using System.Net;
using System.Net.Sockets;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Standalone;

/// <summary>Chooses ports: the configured one, else the default one if it is free, else the next free one.</summary>
public sealed class Ports
{
    private readonly HashSet<int> given = [];

    /// <summary>Takes the port that a setting names, before any other port. A fault is added to the settings.</summary>
    /// <returns>Null: the setting is empty or wrong.</returns>
    public int? TakeNamed(Settings settings, string key)
    {
        if (settings.Text(key, string.Empty).Length == 0 || settings.FreePort(key, 0) is not (> 0 and var port))
        {
            return null;
        }

        if (!given.Add(port))
        {
            settings.Refuse($"{key} is {port}, but another port of this process has the same number.");
        }

        return port;
    }

    public int Take(int wanted)
    {
        for (var port = wanted; port <= IPEndPoint.MaxPort; port++)
        {
            if (!given.Contains(port) && IsFree(port))
            {
                given.Add(port);
                return port;
            }
        }

        throw new StandaloneException($"There is no free port from {wanted} on.");
    }

    /// <summary>Binds the port to find out: a connection can also occupy a port, even one that ended a minute ago.</summary>
    public static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            socket.Listen(1);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
