using System.Text;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Contracts;
#if !MASSTRANSIT_KAFKA_PACKAGE
using MassTransit.KafkaIntegration;
#endif

namespace ProductCache.Infrastructure.Kafka;

/// <summary>The dead-letter topics. The rider replays letters; its headers tell the reason.</summary>
internal sealed class DeadLetterBox(KafkaOptions options, KafkaInspection inspection, IServiceProvider services) : IDeadLetters
{
    /// <summary>How long the bus may take to start for a replay.</summary>
    public static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The longest value that is shown, in bytes.</summary>
    public const int MaxValue = 2_000;

    private IEnumerable<string> DeadLetterTopics => Topics.All.Where(topic => topic.EndsWith(Topics.DeadLetterSuffix, StringComparison.Ordinal)).Select(options.TopicOf);

    public Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken cancellationToken) => inspection.WithinAsync<IReadOnlyList<DeadLetter>>(
        consumer => [.. DeadLetterTopics.SelectMany(topic => Read(consumer, topic, limit, cancellationToken)).OrderBy(letter => letter.At).Take(limit)],
        cancellationToken);

    public async Task<(int Replayed, int Incomplete)> ReplayAsync(IReadOnlyCollection<string>? ids, CancellationToken cancellationToken)
    {
#if MASSTRANSIT_KAFKA_PACKAGE
        await Task.CompletedTask;
        throw new NotSupportedException("This build uses the package MassTransit.Kafka, which cannot replay dead letters.");
#else
        var bus = services.GetRequiredService<IBusControl>();
        using var timeout = new CancellationTokenSource(StartTimeout, services.GetRequiredService<TimeProvider>());
        using var start = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        await bus.StartAsync(start.Token);
        try
        {
            var rider = services.GetRequiredService<IKafkaRider>();
            var (replayed, incomplete) = (0, 0);
            foreach (var topic in DeadLetterTopics)
            {
                // Letters that are named are replayed even if they were replayed before.
                var result = await rider.ReplayDeadLetters(
                    topic, ids is null ? null : new DeadLetterReplayOptions { Where = letter => ids.Contains(IdOf(letter)), FromBeginning = true, GroupId = $"{topic}.replay-chosen" }, cancellationToken);
                replayed += result.Replayed;
                incomplete += result.Incomplete;
            }

            return (replayed, incomplete);
        }
        catch (KafkaException exception)
        {
            throw new UnavailableException(Dependency.Broker, exception);
        }
        finally
        {
            await bus.StopAsync(StartTimeout);
        }
#endif
    }

    private static string IdOf<TKey, TValue>(ConsumeResult<TKey, TValue> letter) => $"{letter.Topic}/{letter.Partition.Value}/{letter.Offset.Value}";

    private static List<DeadLetter> Read(IConsumer<byte[]?, byte[]?> consumer, string topic, int limit, CancellationToken cancellationToken)
    {
        List<DeadLetter> letters = [];
        foreach (var partition in KafkaInspection.PartitionsOf(consumer, topic))
        {
            var marks = consumer.QueryWatermarkOffsets(partition, KafkaInspection.RequestTimeout);
            consumer.Assign(new TopicPartitionOffset(partition, marks.Low));
            var (next, read) = (marks.Low.Value, 0);
            for (; next < marks.High.Value && read < limit; read++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var letter = consumer.Consume(KafkaInspection.RequestTimeout)
                    ?? throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"the brokers did not deliver the letters of {topic} in time"));
                if (letter.IsPartitionEOF)
                {
                    break;
                }

                letters.Add(LetterOf(letter));
                next = letter.Offset.Value + 1;
            }
        }

        return letters;
    }

    private static DeadLetter LetterOf(ConsumeResult<byte[]?, byte[]?> letter) => new(
        IdOf(letter),
        letter.Message.Timestamp.UtcDateTime,
        TextOf(letter.Message.Key),
        $"{Header(letter, "topic")}/{Header(letter, "partition")}/{Header(letter, "offset")}",
        Header(letter, "stage") ?? "unknown",
        Header(letter, "reason") ?? "unknown",
        TextOf(letter.Message.Value));

    private static string? Header(ConsumeResult<byte[]?, byte[]?> letter, string name) =>
        letter.Message.Headers.TryGetLastBytes($"dead-letter-{name}", out var bytes) ? TextOf(bytes) : null;

    // Records may contain anything: what a terminal would obey is not shown.
    private static string? TextOf(byte[]? bytes) => bytes is null ? null : string.Concat(
        Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, MaxValue))).Select(character => char.IsControl(character) ? '\uFFFD' : character));
}
