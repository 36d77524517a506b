using System.Text;
using Confluent.Kafka;
using KafkaHeaders = Confluent.Kafka.Headers;

namespace MassTransit.KafkaIntegration;

/// <summary>Produces dead letters to the topics that they came from again.</summary>
internal sealed class DeadLetterReplayer(ClientSettings client, ProducerClient producer)
{
    /// <summary>How long the brokers may take to report the end of the topic or the committed offsets, or to deliver a letter.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public Task<DeadLetterReplay> ReplayAsync(string topic, DeadLetterReplayOptions options, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Limit, 1);

        // On another thread: Confluent's consumer blocks.
        return Task.Run(() => ReplayOnThisThreadAsync(topic, options, cancellationToken), cancellationToken);
    }

    private async Task<DeadLetterReplay> ReplayOnThisThreadAsync(string topic, DeadLetterReplayOptions options, CancellationToken cancellationToken)
    {
        var config = client.With(new ConsumerConfig { GroupId = options.GroupId ?? $"{topic}.replay", EnableAutoCommit = false });
        using var consumer = client.NewConsumer(config).SetLogHandler((_, _) => { }).Build();
        var result = new DeadLetterReplay(0, 0, 0);
        var looked = 0;
        foreach (var (start, end) in Parts(consumer, topic, options))
        {
            consumer.Assign(start);
            for (var next = start.Offset; next < end && looked < options.Limit; looked++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (consumer.Consume(Timeout) is not { Message: not null } letter)
                {
                    throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"the brokers did not deliver the letter at offset {next} of topic {topic} within {Timeout.TotalSeconds} s"));
                }

                result = await ReplayAsync(letter, options, result, cancellationToken).ConfigureAwait(false);
                next = letter.Offset + 1;
                consumer.Commit([new TopicPartitionOffset(letter.TopicPartition, next)]);
            }
        }

        return result;
    }

    private static List<(TopicPartitionOffset Start, Offset End)> Parts(IConsumer<byte[]?, byte[]?> consumer, string topic, DeadLetterReplayOptions options)
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var metadata = admin.GetMetadata(topic, Timeout).Topics.Single();
        if (metadata.Error.IsError)
        {
            throw new KafkaException(metadata.Error);
        }

        List<TopicPartition> partitions = [.. metadata.Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId))];
        return
        [
            .. consumer.Committed(partitions, Timeout).Select(committed =>
            {
                var watermarks = consumer.QueryWatermarkOffsets(committed.TopicPartition, Timeout);
                var start = options.FromBeginning || committed.Offset.IsSpecial ? watermarks.Low : new Offset(Math.Max(committed.Offset.Value, watermarks.Low.Value));
                return (new TopicPartitionOffset(committed.TopicPartition, start), watermarks.High);
            }),
        ];
    }

    private async Task<DeadLetterReplay> ReplayAsync(
        ConsumeResult<byte[]?, byte[]?> letter, DeadLetterReplayOptions options, DeadLetterReplay result, CancellationToken cancellationToken)
    {
        if (!options.Where(letter))
        {
            return result with { PassedBy = result.PassedBy + 1 };
        }

        if (Text(letter, DeadLetters.TopicHeader) is not { } topic || Text(letter, DeadLetters.OmittedHeader) is not null)
        {
            return result with { Incomplete = result.Incomplete + 1 };
        }

        var headers = new KafkaHeaders();
        foreach (var header in letter.Message.Headers.Where(header => !header.Key.StartsWith(DeadLetters.HeaderPrefix, StringComparison.Ordinal)))
        {
            headers.Add(header.Key, header.GetValueBytes());
        }

        letter.Message.Headers = headers;
        letter.Message.Timestamp = DeadLetters.TimeOf(letter);
        await producer.ProduceAsync(new TopicPartition(topic, Partition.Any), letter.Message, cancellationToken).ConfigureAwait(false);
        return result with { Replayed = result.Replayed + 1 };
    }

    private static string? Text(ConsumeResult<byte[]?, byte[]?> letter, string header) =>
        letter.Message.Headers.TryGetLastBytes(header, out var bytes) ? Encoding.UTF8.GetString(bytes) : null;
}
