namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// A bounded amount that clients hold for a while: connections, bytes, places. One client may hold only a share of it. Each call takes
/// a lock, so hits must not use it.
/// </summary>
/// <param name="all">All clients together.</param>
/// <param name="each">One client.</param>
public sealed class Shares(long all, long each)
{
    private readonly Lock gate = new();

    // Of gate. Only clients that hold something.
    private readonly Dictionary<string, long> held = [];
    private long total;

    /// <summary>What all clients hold.</summary>
    public long Total => Volatile.Read(ref total);

    /// <summary>Takes all of the amount, or nothing.</summary>
    /// <param name="isExempt">The client has no share of its own; the bound of all holds for it too.</param>
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

    /// <summary>The client holds its share already: its own later requests can succeed, those of others now.</summary>
    ClientHasItsShare,

    /// <summary>All clients together hold everything.</summary>
    AllIsTaken,
}
