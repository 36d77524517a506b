using System.Text.Json;
using Confluent.Kafka;
using ProductCache.Contracts;

namespace ProductCache.Chaos;

/// <summary>
/// Reads the events during the run, since the embedded Kafka keeps only its newest records. Records that were dropped before they were
/// read are counted as forgotten.
/// </summary>
internal sealed class EventLog : IAsyncDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly string bootstrap;
    private readonly ProductTables tables;
    private readonly RunClock clock;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<ProductEvent> events = [];
    private readonly List<ForgottenEvents> forgotten = [];
    private readonly Task reading;
    private volatile bool isEnding;

    private EventLog(string bootstrap, ProductTables tables, RunClock clock)
    {
        (this.bootstrap, this.tables, this.clock) = (bootstrap, tables, clock);
        reading = Task.Factory.StartNew(Read, stopping.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public static EventLog Start(string bootstrap, ProductTables tables, RunClock clock) => new(bootstrap, tables, clock);

    /// <summary>Reads all records that are available now.</summary>
    public async Task<(IReadOnlyList<ProductEvent> Events, IReadOnlyList<ForgottenEvents> Forgotten)> EndAsync(CancellationToken cancellationToken)
    {
        isEnding = true;
        await reading.WaitAsync(cancellationToken);
        return (events, forgotten);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await reading.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        stopping.Dispose();
    }

    private void Read()
    {
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "chaos-events",
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            FetchWaitMaxMs = 5,
        }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        var next = PartitionsOf(consumer).ToDictionary(partition => partition, _ => 0L);
        consumer.Assign(next.Keys.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        Dictionary<TopicPartition, long>? ends = null;
        var deadline = TimeSpan.MaxValue;
        while (ends is null || ends.Any(end => next[end.Key] < end.Value))
        {
            stopping.Token.ThrowIfCancellationRequested();
            if (clock.Now > deadline)
            {
                throw new TimeoutException($"The events could not be read to their end within {CallTimeout.TotalSeconds} s.");
            }

            if (ends is null && isEnding)
            {
                ends = next.Keys.ToDictionary(partition => partition, partition => consumer.QueryWatermarkOffsets(partition, CallTimeout).High.Value);
                deadline = clock.Now + CallTimeout;
            }

            if (ConsumeOrNull(consumer) is not { } record)
            {
                continue;
            }

            // Offsets that are missing before the first one that is kept are forgotten. Missing ones in between are compacted: of these
            // a newer event is there.
            var expected = next[record.TopicPartition];
            if (record.Offset > expected && consumer.QueryWatermarkOffsets(record.TopicPartition, CallTimeout).Low > expected)
            {
                forgotten.Add(new ForgottenEvents(record.Partition, record.Offset - expected, clock.Now));
            }

            next[record.TopicPartition] = record.Offset + 1;
            events.Add(EventIn(record));
        }

        consumer.Close();
    }

    // A broker that is killed or paused is one of the faults: the consumer goes on when it is back.
    private static ConsumeResult<Ignore, byte[]>? ConsumeOrNull(IConsumer<Ignore, byte[]> consumer)
    {
        try
        {
            return consumer.Consume(Interval);
        }
        catch (ConsumeException exception) when (!exception.Error.IsFatal)
        {
            return null;
        }
    }

    private static List<TopicPartition> PartitionsOf(IConsumer<Ignore, byte[]> consumer)
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        return [.. admin.GetMetadata(Topics.ProductChanges, CallTimeout).Topics[0].Partitions
            .Select(partition => new TopicPartition(Topics.ProductChanges, partition.PartitionId))];
    }

    private ProductEvent EventIn(ConsumeResult<Ignore, byte[]> record)
    {
        using var json = JsonDocument.Parse(record.Message.Value);
        var root = json.RootElement;
        return new ProductEvent(
            root.TryGetProperty("key", out var key) ? tables.NumberOf(key.GetString()!) : root.GetProperty("productId").GetInt64(),
            root.GetProperty("version").GetInt64(),
            root.GetProperty("kind").GetString() == "deleted",
            record.Partition);
    }
}
