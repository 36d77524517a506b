using System.Net;
using System.Net.Sockets;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Standalone;

/// <summary>Chooses ports: the named one, else the well-known one where it is free, else the next free one.</summary>
public sealed class Ports
{
    private readonly HashSet<int> given = [];

    /// <summary>The port that a setting names, to be taken before any other one. A fault of it is left with the settings.</summary>
    /// <returns>Null: the setting names none.</returns>
    public int? TakeNamed(Settings settings, string key)
    {
        if (settings.Text(key, string.Empty).Length == 0 || settings.FreePort(key, 0) is not (> 0 and var port))
        {
            return null;
        }

        if (!given.Add(port))
        {
            settings.Refuse($"{key} is {port}, and so is another port of this process.");
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

    /// <summary>Tried, not looked up: a port can also be taken by somebody's connection, even one that ended a minute ago.</summary>
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
