using Confluent.Kafka;
using ProductCache.Application;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Reads offsets and dead letters with a consumer that never commits, so that no group notices.</summary>
internal sealed class KafkaInspection(KafkaOptions options, KafkaFaults faults) : IConsumerLag
{
    /// <summary>How long the brokers may take to answer one request.</summary>
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);

    // Confluent's consumer blocks.
    public Task<IReadOnlyList<PartitionLag>> ReadAsync(CancellationToken cancellationToken) => WithinAsync<IReadOnlyList<PartitionLag>>(
        consumer =>
        [
            .. Contracts.Topics.All
                .Where(topic => !topic.EndsWith(Contracts.Topics.DeadLetterSuffix, StringComparison.Ordinal))
                .SelectMany(topic => LagOf(consumer, options.TopicOf(topic))),
        ],
        cancellationToken);

    /// <summary>Runs a function with a consumer of the group of the Workers, on another thread.</summary>
    /// <exception cref="UnavailableException">The brokers do not answer in time, or reject the login.</exception>
    public async Task<T> WithinAsync<T>(Func<IConsumer<byte[]?, byte[]?>, T> read, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(
                () =>
                {
                    using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig(options.CreateClientConfig())
                    {
                        GroupId = options.Group,
                        EnableAutoCommit = false,
                        EnablePartitionEof = true,
                        AllowAutoCreateTopics = false,
                    }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
                    return read(consumer);
                },
                cancellationToken);
        }
        catch (KafkaException exception)
        {
            throw new UnavailableException(Dependency.Broker, exception, (await faults.ExplainAsync(exception.Error, cancellationToken)).TrimEnd('.'));
        }
    }

    /// <summary>The partitions of a topic. The list is empty if there is no such topic.</summary>
    public static IReadOnlyList<TopicPartition> PartitionsOf<TKey, TValue>(IConsumer<TKey, TValue> consumer, string topic)
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var metadata = admin.GetMetadata(topic, RequestTimeout).Topics.Single();
        return metadata.Error.Code == ErrorCode.UnknownTopicOrPart ? []
            : metadata.Error.IsError ? throw new KafkaException(metadata.Error)
            : [.. metadata.Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId))];
    }

    private static IEnumerable<PartitionLag> LagOf(IConsumer<byte[]?, byte[]?> consumer, string topic)
    {
        foreach (var committed in consumer.Committed(PartitionsOf(consumer, topic), RequestTimeout).OrderBy(committed => committed.Partition.Value))
        {
            var marks = consumer.QueryWatermarkOffsets(committed.TopicPartition, RequestTimeout);
            long? offset = committed.Offset.IsSpecial ? null : committed.Offset.Value;
            yield return new PartitionLag(topic, committed.Partition.Value, offset, marks.High.Value, marks.High.Value - Math.Max(offset ?? 0, marks.Low.Value));
        }
    }
}
