using System.Text;
using Confluent.Kafka;
using ProductCache.Contracts;

namespace ProductCache.Chaos;

/// <summary>Reads what was set aside, from the topics of dead letters.</summary>
internal sealed class DeadLetters(string bootstrap, RunClock clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>The topic and the reason of each.</summary>
    public Task<List<string>> ReadAsync(CancellationToken cancellationToken) => Task.Run(() => Read(cancellationToken), cancellationToken);

    private static bool IsOne(string topic) => Topics.All.Contains(topic) && topic.EndsWith(Topics.DeadLetterSuffix, StringComparison.Ordinal);

    private List<string> Read(CancellationToken cancellationToken)
    {
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "chaos-inspection",
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
        }).SetLogHandler((_, _) => { }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(Patience).Topics.Where(topic => IsOne(topic.Topic))
            .SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Topic, partition.PartitionId)))
            .ToList();
        var open = partitions.ToDictionary(partition => partition, partition => consumer.QueryWatermarkOffsets(partition, Patience).High);
        open = open.Where(partition => partition.Value > 0).ToDictionary();
        consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        List<string> found = [];
        var deadline = clock.Now + Patience;
        while (open.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (clock.Now > deadline)
            {
                throw new TimeoutException($"The topics could not be read to their ends within {Patience.TotalSeconds} s.");
            }

            if (consumer.Consume(Interval) is { } record)
            {
                found.Add(LetterIn(record));
                if (open.TryGetValue(record.TopicPartition, out var end) && record.Offset + 1 >= end)
                {
                    open.Remove(record.TopicPartition);
                }
            }
        }

        consumer.Close();
        return found;
    }

    private static string LetterIn(ConsumeResult<Ignore, byte[]> record)
    {
        var reasons = record.Message.Headers.Where(header => header.Key is "dead-letter-exception" or "dead-letter-reason")
            .Select(header => Encoding.UTF8.GetString(header.GetValueBytes()));
        return $"{record.Topic}: {string.Join(": ", reasons)}";
    }
}
