using Confluent.Kafka;
using ProductCache.Application;
using ProductCache.Contracts;

namespace ProductCache.Standalone;

/// <summary>
/// Publishes changes no faster than they are consumed. The embedded Kafka keeps only the newest records of a partition: records that a bulk
/// update publishes far ahead of the Worker would be dropped before they are read.
/// </summary>
internal sealed class PacedChanges : IChangePublisher, IDisposable
{
    /// <summary>The maximum lag in records. The cluster keeps about 12,000 of them in each of four partitions.</summary>
    private const long MaxLag = 10_000;

    /// <summary>The number of changes between two checks of the lag. Single changes never wait for a check.</summary>
    private const int ChangesPerCheck = 1_000;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The limit of a wait. Afterwards the relay returns its batch and retries.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(5);

    private readonly IChangePublisher publisher;
    private readonly TimeProvider time;
    private readonly IConsumer<Ignore, Ignore> consumer;
    private int sinceCheck;

    public PacedChanges(IChangePublisher publisher, string bootstrap, string group, TimeProvider time)
    {
        this.publisher = publisher;
        this.time = time;

        // It reads the committed offsets of the group and never joins it.
        consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = bootstrap, GroupId = group })
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
    }

    public async Task<IReadOnlyList<RefusedChange>> PublishAsync(IReadOnlyList<RecordedChange> changes, CancellationToken cancellationToken)
    {
        if (Interlocked.Add(ref sinceCheck, changes.Count) >= ChangesPerCheck)
        {
            await CatchUpAsync(cancellationToken);
            Interlocked.Exchange(ref sinceCheck, 0);
        }

        return await publisher.PublishAsync(changes, cancellationToken);
    }

    public void Dispose() => consumer.Dispose();

    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        try
        {
            while (await Task.Run(Lag, cancellationToken) > MaxLag)
            {
                if (time.GetElapsedTime(started) > MaxWait)
                {
                    throw new UnavailableException(Dependency.Broker);
                }

                await Task.Delay(CheckInterval, time, cancellationToken);
            }
        }
        catch (KafkaException exception)
        {
            throw new UnavailableException(Dependency.Broker, exception);
        }
    }

    private long Lag()
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(Topics.ProductChanges, CallTimeout).Topics[0].Partitions
            .Select(partition => new TopicPartition(Topics.ProductChanges, partition.PartitionId));
        return consumer.Committed(partitions, CallTimeout).Sum(committed =>
        {
            var marks = consumer.QueryWatermarkOffsets(committed.TopicPartition, CallTimeout);
            return marks.High.Value - (committed.Offset.IsSpecial ? marks.Low.Value : committed.Offset.Value);
        });
    }
}
