using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Npgsql;
using ProductCache.Application;
using ProductCache.Contracts;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>Reads the final state of every product, from PostgreSQL, Redis, the near caches and Kafka.</summary>
internal sealed class Inspection(TestBed testBed, NpgsqlDataSource postgres, Readers readers, EventLog events, RunClock clock)
{
    private static readonly TimeSpan OutboxPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TopicPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    public async Task<FinalState> LookAsync(CancellationToken cancellationToken)
    {
        var at = clock.Now;
        var rows = await ReadRowsAsync(cancellationToken);
        var entries = await ReadEntriesAsync(cancellationToken);
        var answers = await readers.ReadAllAsync(cancellationToken);
        var outbox = await DrainOutboxAsync(cancellationToken);
        var (read, forgotten) = await events.EndAsync(cancellationToken);
        var deadLetters = await Task.Run(() => ReadTopics(DeadLetterTopics, LetterIn, cancellationToken), cancellationToken);
        return new FinalState(at, rows, entries, answers, read, deadLetters, outbox, forgotten);
    }

    private async Task<Dictionary<long, Row>> ReadRowsAsync(CancellationToken cancellationToken)
    {
        Dictionary<long, Row> rows = [];
        await using var command = postgres.CreateCommand("SELECT id, version, name FROM products");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows[reader.GetInt64(0)] = new Row(reader.GetInt64(1), long.Parse(reader.GetString(2)[1..], CultureInfo.InvariantCulture));
        }

        return rows;
    }

    private async Task<List<CacheEntry>> ReadEntriesAsync(CancellationToken cancellationToken)
    {
        await using var redis = await testBed.OpenRedisAsync();
        List<CacheEntry> entries = [];
        await foreach (var key in redis.GetServers()[0].KeysAsync(pattern: "product:*", pageSize: 1_000).WithCancellation(cancellationToken))
        {
            // Gone meanwhile, or of a format that readers take for a miss: nothing that could be wrong.
            if (CachedProduct.TryRead(await redis.GetDatabase().HashGetAsync(key, "data"), out var entry))
            {
                var id = long.Parse(key.ToString().Split('{', '}')[1], CultureInfo.InvariantCulture);
                entries.Add(new CacheEntry(id, entry.Version));
            }
        }

        return entries;
    }

    private async Task<long?> DrainOutboxAsync(CancellationToken cancellationToken)
    {
        await using var exists = postgres.CreateCommand("SELECT to_regclass('public.product_changes') IS NOT NULL");
        if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken))!)
        {
            return null;
        }

        var deadline = clock.Now + OutboxPatience;
        while (true)
        {
            await using var count = postgres.CreateCommand("SELECT count(*) FROM public.product_changes");
            var rows = (long)(await count.ExecuteScalarAsync(cancellationToken))!;
            if (rows == 0 || clock.Now > deadline)
            {
                return rows;
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }

    private static IEnumerable<string> DeadLetterTopics => Topics.All.Where(topic => topic.EndsWith(Topics.DeadLetterSuffix, StringComparison.Ordinal));

    private List<T> ReadTopics<T>(IEnumerable<string> topics, Func<ConsumeResult<Ignore, byte[]>, T> read, CancellationToken cancellationToken)
    {
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig
        {
            BootstrapServers = testBed.Kafka.Bootstrap,
            GroupId = "chaos-inspection",
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
        }).SetLogHandler((_, _) => { }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(TopicPatience).Topics.Where(topic => topics.Contains(topic.Topic))
            .SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Topic, partition.PartitionId)))
            .ToList();
        var open = partitions.ToDictionary(partition => partition, partition => consumer.QueryWatermarkOffsets(partition, TopicPatience).High);
        open = open.Where(partition => partition.Value > 0).ToDictionary();
        consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        List<T> found = [];
        var deadline = clock.Now + TopicPatience;
        while (open.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (clock.Now > deadline)
            {
                throw new TimeoutException($"The topics could not be read to their ends within {TopicPatience.TotalSeconds} s.");
            }

            if (consumer.Consume(Interval) is { } record)
            {
                found.Add(read(record));
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
