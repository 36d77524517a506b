using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProductCache.EndToEndTests;

/// <summary>A client with an address of its own: every address of 127.0.0.0/8 is this machine.</summary>
internal static class Neighbour
{
    private const int SmallBuffer = 4 * 1024;

    public static HttpClient HttpClient(string address, int port)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) => new NetworkStream(await ConnectAsync(address, port, token), ownsSocket: true),
        };
        return new HttpClient(handler) { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(60) };
    }

    public static async Task<Socket> ConnectAsync(string address, int port, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        return socket;
    }

    /// <summary>Sends the request and reads nothing of its answer, of which the system takes little.</summary>
    public static async Task<Socket> AskAndNotReadAsync(string address, int port, string path)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = SmallBuffer };
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        return socket;
    }

    /// <summary>Whether the service has closed the connection; what came before that is read away.</summary>
    public static bool IsClosed(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (socket.Poll(0, SelectMode.SelectRead))
            {
                if (socket.Receive(buffer) == 0)
                {
                    return true;
                }
            }

            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }
}
