using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// The most read products of this process, in bounded memory: one of <see cref="SampleOf"/> reads is counted, by Space-Saving (Metwally,
/// Agrawal, El Abbadi 2005), in windows of a minute. A count is too high by at most the reads of a window divided by <see cref="Counters"/>.
/// A singleton.
/// </summary>
public sealed class HotProducts(TimeProvider time, Random random)
{
    /// <summary>One of so many reads is counted, so that a hit pays for a random number and nothing else.</summary>
    public const int SampleOf = 16;

    /// <summary>Products that are counted in a window.</summary>
    public const int Counters = 512;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();

    // Only under the gate.
    private Dictionary<ProductId, long> current = new(Counters);
    private Dictionary<ProductId, long> last = [];
    private long began = time.GetTimestamp();

    /// <summary>A read of the product, whatever its answer.</summary>
    public void Read(ProductId id)
    {
        if (random.Next(SampleOf) != 0)
        {
            return;
        }

        lock (gate)
        {
            Rotate_NeedsGate();
            if (current.TryGetValue(id, out var count))
            {
                current[id] = count + 1;
            }
            else if (current.Count < Counters)
            {
                current[id] = 1;
            }
            else
            {
                // Space-Saving: the newcomer inherits the count of the one that it replaces.
                var least = current.MinBy(counter => counter.Value);
                current.Remove(least.Key);
                current[id] = least.Value + 1;
            }
        }
    }

    /// <summary>The most read products of the last full minute, or of the running one until there is a full one.</summary>
    /// <returns>At most <paramref name="limit"/> products with their estimated reads per minute, the most read first.</returns>
    public IReadOnlyList<(ProductId Id, long Reads)> Top(int limit)
    {
        lock (gate)
        {
            Rotate_NeedsGate();
            var window = last.Count > 0 ? last : current;
            var order = window.OrderByDescending(counter => counter.Value).ThenBy(counter => counter.Key.Text, StringComparer.Ordinal);
            return [.. order.Take(limit).Select(counter => (counter.Key, counter.Value * SampleOf))];
        }
    }

    private void Rotate_NeedsGate()
    {
        var elapsed = time.GetElapsedTime(began);
        if (elapsed < Window)
        {
            return;
        }

        last = elapsed < 2 * Window ? current : [];
        current = new Dictionary<ProductId, long>(Counters);
        began = time.GetTimestamp();
    }
}
