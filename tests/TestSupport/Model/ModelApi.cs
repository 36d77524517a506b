using System.Diagnostics.Metrics;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.TestSupport.Model;

/// <summary>One API process: its near cache, the reads that are on their way, and the notifications that it has not heard yet.</summary>
internal sealed class ModelApi : IDisposable
{
    private readonly ModelRun run;
    private readonly FakeTimeProvider time = new();
    private readonly HeldCache redis = new();
    private readonly Meters meters = new();
    private readonly NearCache near;
    private readonly Dictionary<ProductId, long> seen = [];
    private readonly List<PendingRead> reads = [];
    private readonly List<CacheNotification> messages = [];
    private long heard;

    public ModelApi(ModelRun run, int number)
    {
        (this.run, Name) = (run, $"API {number + 1}");
        near = new NearCache(redis, new NearCacheOptions(64 * 1024, TimeSpan.FromSeconds(5)), time, meters);
    }

    public string Name { get; }

    public int Reads => reads.Count;

    public int Messages => messages.Count;

    public void Receive(CacheNotification message) => messages.Add(message);

    public CachedProduct? CopyOf(ProductId id) => near.TryGet(id, out var copy) ? copy : null;

    /// <summary>A reader is answered by a copy, or asks Redis and waits.</summary>
    public async Task<string> BeginReadAsync(ProductId id)
    {
        if (CopyOf(id) is { } copy)
        {
            var what = $"{Name}: a reader gets {run.NameOf(id)} from the near cache: {ModelRun.Describe(copy)}";
            CheckNotOlder(id, copy, SeenOf(id), what);
            return what;
        }

        var ask = new TaskCompletionSource<byte[]?>();
        var registered = run.PlantedBug != PlantedBug.NearCacheIgnoresPendingReads;
        var read = registered ? near.GetAsync(KeyOf(id, ask)) : null;
        var payload = await run.Cache.ReadAsync(id);
        reads.Add(new PendingRead(id, ask, read, payload, SeenOf(id)));
        return $"{Name}: a reader asks Redis for {run.NameOf(id)}, and {Describe(payload)} is on its way";
    }

    public async Task<string> EndReadAsync(int index)
    {
        var (id, ask, read, payload, seenBefore) = reads[index];
        reads.RemoveAt(index);
        ask.SetResult(payload);
        var result = await (read ?? near.GetAsync(KeyOf(id, ask)));
        var what = $"{Name}: the reader gets {run.NameOf(id)}: {Describe(result)}";
        if (CachedProduct.TryRead(result, out var entry))
        {
            CheckNotOlder(id, entry, seenBefore, what);
        }

        return what;
    }

    public string Hear()
    {
        var message = messages[0];
        messages.RemoveAt(0);
        near.OnNotification(run.PlantedBug == PlantedBug.NearCacheIgnoresGaps ? message with { Epoch = "1", Number = ++heard } : message);
        return $"{Name} hears {Describe(message)}";
    }

    /// <param name="index">Counted from the last one.</param>
    public string LoseMessage(int index)
    {
        var message = messages[^(1 + index)];
        messages.RemoveAt(messages.Count - 1 - index);
        return $"{Name} does not get {Describe(message)}";
    }

    public void LetTimePass() => time.Advance(TimeSpan.FromSeconds(2));

    public void Dispose() => meters.Dispose();

    private string KeyOf(ProductId id, TaskCompletionSource<byte[]?> answer)
    {
        redis.Answer = answer.Task;
        return CacheKeys.Entry(id);
    }

    private long SeenOf(ProductId id) => seen.GetValueOrDefault(id);

    private string Describe(CacheNotification message) =>
        $"message {message.Number} of epoch {message.Epoch}: {message.Kind} {run.NamesOf(message.Ids)}";

    private static string Describe(byte[]? payload) => CachedProduct.TryRead(payload, out var entry) ? ModelRun.Describe(entry) : "a miss";

    // Of two reads at one time either may end first; one that begins after another has ended must not see less.
    private void CheckNotOlder(ProductId id, CachedProduct entry, long seenBefore, string what)
    {
        if (run.Table.IsOlder(id, entry, seenBefore))
        {
            run.Violated($"{what}, which is older than what readers of {Name} have seen.");
        }

        seen[id] = Math.Max(SeenOf(id), run.Table.CommitOf(id, entry));
    }

    private sealed record PendingRead(ProductId Id, TaskCompletionSource<byte[]?> Ask, Task<byte[]?>? Read, byte[]? Payload, long SeenBefore);

    private sealed class Meters : IMeterFactory
    {
        private readonly List<Meter> meters = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            meters.Add(meter);
            return meter;
        }

        public void Dispose() => meters.ForEach(meter => meter.Dispose());
    }

    /// <summary>The cache behind the near cache: it answers when the run lets it.</summary>
    private sealed class HeldCache : ReadOnlyDistributedCache
    {
        public Task<byte[]?> Answer { get; set; } = Task.FromResult<byte[]?>(null);

        public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Answer;
    }
}
