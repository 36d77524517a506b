namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// A limited resource of which clients hold amounts for a while: connections, bytes, waits. Limits the total and the share of each client.
/// Each call takes a lock, so cache hits must not use it.
/// </summary>
/// <param name="all">The limit of all clients together.</param>
/// <param name="each">The limit of each client.</param>
public sealed class Shares(long all, long each)
{
    private readonly Lock gate = new();

    // Guarded by gate. Contains only clients that hold something.
    private readonly Dictionary<string, long> held = [];
    private long total;

    /// <summary>The amount that all clients hold.</summary>
    public long Total => Volatile.Read(ref total);

    /// <summary>Takes the whole amount or nothing.</summary>
    /// <param name="isExempt">Only the limit of all clients applies.</param>
    public ShareResult TryTake(string client, long amount, bool isExempt = false)
    {
        lock (gate)
        {
            var already = held.GetValueOrDefault(client);
            if (!isExempt && already + amount > each)
            {
                return ShareResult.ClientHasItsShare;
            }

            if (total + amount > all)
            {
                return ShareResult.AllIsTaken;
            }

            held[client] = already + amount;
            total += amount;
            return ShareResult.Taken;
        }
    }

    public void GiveBack(string client, long amount)
    {
        lock (gate)
        {
            total -= amount;
            var left = held.GetValueOrDefault(client) - amount;
            if (left > 0)
            {
                held[client] = left;
            }
            else
            {
                held.Remove(client);
            }
        }
    }
}

public enum ShareResult
{
    Taken,

    /// <summary>The client has reached its limit. Other clients can still take.</summary>
    ClientHasItsShare,

    /// <summary>All clients together have reached the limit.</summary>
    AllIsTaken,
}
