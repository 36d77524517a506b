using System.Diagnostics.Metrics;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport.Model;

namespace ProductCache.TestSupport.Explorer;

/// <summary>A notification as an API process receives it. The numbers say only whether it follows the one before.</summary>
internal readonly record struct HeardMessage(NotificationKind Kind, bool Follows);

/// <summary>
/// The real near cache of an API process after a list of inputs: reads that begin, reads that end, messages. As with a
/// handler, each list is tried once. While no read is on its way, all that the near cache holds is its copy and the number of the
/// last message, so all the ways to one copy are one state then.
/// </summary>
internal sealed class NearCacheState
{
    private readonly NearCacheState start;
    private readonly NearCacheState? before;
    private readonly Action<Instance> input;
    private readonly PlantedBug bug;
    private readonly HandlerState.Counter counter;
    private readonly Dictionary<string, NearCacheState> next = [];

    private NearCacheState(NearCacheState? before, Action<Instance> input, PlantedBug bug, HandlerState.Counter counter, uint stamps = 0)
    {
        (start, this.before, this.input, this.bug, this.counter) = (before?.start ?? this, before, input, bug, counter);
        Id = counter.Next++;
        using var instance = Build();
        Copy = instance.Copy;
        Stamps = (before?.Stamps ?? 0) | stamps;
        Reads = instance.Reads;
        Result = instance.Result;
    }

    public int Id { get; }

    public CachedProduct? Copy { get; }

    /// <summary>One bit for each time of filling that the near cache may have seen.</summary>
    public uint Stamps { get; }

    /// <summary>Reads that Redis has answered, and whose answers are on their way.</summary>
    public int Reads { get; }

    /// <summary>What the last read that ended was given.</summary>
    public byte[]? Result { get; }

    /// <summary>A near cache that has heard its first message, and so may make copies.</summary>
    public static NearCacheState Start(PlantedBug bug, HandlerState.Counter counter) =>
        new(null, instance => instance.Hear(new HeardMessage(NotificationKind.Heartbeat, Follows: false)), bug, counter);

    public NearCacheState Begin(byte[]? payload) => After(new Answer(payload, $"begins: {World.Describe(payload)}"), instance => instance.Begin(payload));

    /// <param name="read">0: the read that began first.</param>
    public NearCacheState End(int read) => After(new Answer(null, $"ends: {read}"), instance => instance.End(read));

    public NearCacheState Hear(HeardMessage message) => After(new Answer(null, $"hears: {message}"), instance => instance.Hear(message));

    /// <summary>A state that behaves like this one, by the shortest way to it.</summary>
    public NearCacheState Shortest() =>
        Reads > 0 ? this : Copy is { } copy ? start.Begin(copy.Payload).End(0) : start;

    private NearCacheState After(Answer what, Action<Instance> made)
    {
        if (!next.TryGetValue(what.Text, out var state))
        {
            next[what.Text] = state = new NearCacheState(this, made, bug, counter, what.Stamps);
        }

        return state;
    }

    private Instance Build()
    {
        Stack<NearCacheState> path = new();
        for (var state = this; state is not null; state = state.before)
        {
            path.Push(state);
        }

        var instance = new Instance(bug);
        while (path.TryPop(out var state))
        {
            state.input(instance);
        }

        return instance;
    }

    private sealed class Instance : ReadOnlyDistributedCache, IMeterFactory
    {
        private readonly PlantedBug bug;
        private readonly NearCache near;
        private readonly List<(TaskCompletionSource<byte[]?> Answer, byte[]? Payload, Task<byte[]?>? Read)> reads = [];
        private readonly List<Meter> meters = [];
        private Task<byte[]?> answer = Task.FromResult<byte[]?>(null);
        private long number;

        public Instance(PlantedBug bug)
        {
            this.bug = bug;
            near = new NearCache(this, new NearCacheOptions(64 * 1024, TimeSpan.FromSeconds(5)), new StepClock(), this);
        }

        public CachedProduct? Copy => near.TryGet(Programs.Id, out var copy) ? copy : null;

        public int Reads => reads.Count;

        public byte[]? Result { get; private set; }

        public void Begin(byte[]? payload)
        {
            var pending = new TaskCompletionSource<byte[]?>();
            reads.Add((pending, payload, bug == PlantedBug.NearCacheIgnoresPendingReads ? null : GetAsync(pending)));
        }

        public void End(int index)
        {
            var (pending, payload, read) = reads[index];
            reads.RemoveAt(index);
            pending.SetResult(payload);
            Result = (read ?? GetAsync(pending)).GetAwaiter().GetResult();
        }

        public void Hear(HeardMessage message)
        {
            number += message.Follows || bug == PlantedBug.NearCacheIgnoresGaps ? 1 : 2;
            near.OnNotification(new CacheNotification("epoch", number, message.Kind, message.Kind == NotificationKind.Heartbeat ? [] : [Programs.Id]));
        }

        public void Dispose() => meters.ForEach(meter => meter.Dispose());

        public Meter Create(MeterOptions options)
        {
            meters.Add(new Meter(options));
            return meters[^1];
        }

        public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) => answer;

        private Task<byte[]?> GetAsync(TaskCompletionSource<byte[]?> pending)
        {
            answer = pending.Task;
            return near.GetAsync(CacheKeys.Entry(Programs.Id));
        }
    }
}
