using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProductCache.EndToEndTests;

/// <summary>A connection to the Api on which every byte is the test's own.</summary>
internal sealed partial class RawConnection : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TcpClient client = new() { NoDelay = true };

    public Stream Stream => client.GetStream();

    public static async Task<RawConnection> OpenAsync(int port)
    {
        var connection = new RawConnection();
        await connection.client.ConnectAsync("127.0.0.1", port);
        return connection;
    }

    public static IEnumerable<int> StatusesOf(string answer) =>
        StatusLine().Matches(answer).Select(line => int.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture));

    public Task<string> ExchangeAsync(string bytes) => ExchangeAsync(Stream, Encoding.Latin1.GetBytes(bytes));

    /// <summary>All that comes until the service closes the connection, which it may do while it is still sent to.</summary>
    public static async Task<string> ExchangeAsync(Stream stream, byte[] bytes)
    {
        using var limit = new CancellationTokenSource(Patience);
        var sending = SendAsync();
        using var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
        }

        await sending;
        return Encoding.Latin1.GetString(answer.ToArray());

        async Task SendAsync()
        {
            try
            {
                await stream.WriteAsync(bytes, limit.Token);
            }
            catch (IOException)
            {
            }
        }
    }

    public void Dispose() => client.Dispose();

    [GeneratedRegex(@"HTTP/1\.1 (\d{3}) ")]
    private static partial Regex StatusLine();
}
