namespace ProductCache.Infrastructure.Hosting;

/// <summary>Samples log lines that clients can cause: one per client and interval. The next line has the number of omitted ones.</summary>
public sealed class SampledLines(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>The maximum number of clients with own lines per interval. Further clients share one line.</summary>
    public const int MaxClients = 100;

    private const string Others = "";

    private readonly Lock gate = new();

    // Guarded by gate.
    private readonly Dictionary<string, (long Written, long LeftOut)> clients = [];

    /// <param name="leftOut">The number of lines of the client omitted since its last line.</param>
    public bool MayWrite(string client, out long leftOut)
    {
        lock (gate)
        {
            if (!clients.ContainsKey(client) && clients.Count >= MaxClients)
            {
                Forget();
                client = clients.Count >= MaxClients ? Others : client;
            }

            if (clients.TryGetValue(client, out var last) && time.GetElapsedTime(last.Written) < Interval)
            {
                clients[client] = last with { LeftOut = last.LeftOut + 1 };
                leftOut = 0;
                return false;
            }

            clients[client] = (time.GetTimestamp(), 0);
            leftOut = last.LeftOut;
            return true;
        }
    }

    private void Forget()
    {
        foreach (var (client, last) in clients)
        {
            if (time.GetElapsedTime(last.Written) >= Interval)
            {
                clients.Remove(client);
            }
        }
    }
}
