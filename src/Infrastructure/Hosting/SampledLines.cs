namespace ProductCache.Infrastructure.Hosting;

/// <summary>For log lines that a client can cause: one for each client and interval. The next line says how many were left out.</summary>
public sealed class SampledLines(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Clients with lines of their own in one interval; all further ones share one line.</summary>
    public const int MaxClients = 100;

    private const string Others = "";

    private readonly Lock gate = new();

    // Of gate.
    private readonly Dictionary<string, (long Written, long LeftOut)> clients = [];

    /// <param name="leftOut">Lines of the client that were left out since its last one.</param>
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
