using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MassTransit.Testing;

namespace MassTransit.KafkaIntegration;

/// <summary>Prepares the topics of a test before its bus starts.</summary>
internal sealed class TestTopicsService(IAdminClient admin, KafkaTestHarnessOptions options, TimeProvider time) : KafkaTestHarnessHostedService
{
    /// <summary>How long the brokers may take for one request, or for a change to become visible.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>The interval at which the change is checked.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(100);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.CleanTopicsOnStart && Existing() is { Count: > 0 } existing)
        {
            await admin.DeleteTopicsAsync(existing, new DeleteTopicsOptions { RequestTimeout = Timeout, OperationTimeout = Timeout }).ConfigureAwait(false);
            await UntilAsync(() => Existing().Count == 0, "deleted", cancellationToken).ConfigureAwait(false);
        }

        if (options.CreateTopicsIfNotExists && options.TopicNames.Except(Existing()).ToList() is { Count: > 0 } missing)
        {
            await admin.CreateTopicsAsync(
                missing.ConvertAll(name => new TopicSpecification { Name = name, NumPartitions = options.Partitions, ReplicationFactor = options.Replicas }),
                new CreateTopicsOptions { RequestTimeout = Timeout, OperationTimeout = Timeout }).ConfigureAwait(false);
            await UntilAsync(() => Existing().Count == options.TopicNames.Count, "created", cancellationToken).ConfigureAwait(false);
        }
    }

    public override Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private List<string> Existing() => [.. admin.GetMetadata(Timeout).Topics.Select(topic => topic.Topic).Intersect(options.TopicNames)];

    // After the answer to a request, some brokers may not know the change yet.
    private async Task UntilAsync(Func<bool> isDone, string what, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; !isDone(); waited += CheckInterval)
        {
            if (waited > Timeout)
            {
                throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"The topics of the test were not {what} within {Timeout.TotalSeconds} s."));
            }

            await Task.Delay(CheckInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
