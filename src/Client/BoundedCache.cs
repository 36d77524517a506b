namespace ProductCache.Client;

/// <summary>The newest values by id. Thread-safe.</summary>
internal sealed class BoundedCache<T>(int capacity)
{
    private readonly object gate = new();

    // Guarded by gate. The order of use, the oldest first.
    private readonly LinkedList<(string Id, T Value)> order = [];
    private readonly Dictionary<string, LinkedListNode<(string Id, T Value)>> nodes = [];

    public bool TryGet(string id, out T? value)
    {
        lock (gate)
        {
            if (!nodes.TryGetValue(id, out var node))
            {
                value = default;
                return false;
            }

            order.Remove(node);
            order.AddLast(node);
            value = node.Value.Value;
            return true;
        }
    }

    public void Set(string id, T value)
    {
        lock (gate)
        {
            Remove_NeedsGate(id);
            nodes[id] = order.AddLast((id, value));
            while (nodes.Count > capacity)
            {
                Remove_NeedsGate(order.First!.Value.Id);
            }
        }
    }

    public void Remove(string id)
    {
        lock (gate)
        {
            Remove_NeedsGate(id);
        }
    }

    public void Clear()
    {
        lock (gate)
        {
            order.Clear();
            nodes.Clear();
        }
    }

    private void Remove_NeedsGate(string id)
    {
        if (nodes.Remove(id, out var node))
        {
            order.Remove(node);
        }
    }
}
