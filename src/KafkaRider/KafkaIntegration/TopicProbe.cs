using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Asks the brokers for the state of an endpoint's topic at an interval, and reports it to the endpoint's health. Creates the topic where it is
/// missing and the endpoint requests that.
/// </summary>
internal sealed class TopicProbe(TopicEndpoint endpoint, ConsumerClient client, PartitionAssignment assignment) : IDisposable
{
    private readonly TopicEndpointSettings settings = endpoint.Settings;
    private readonly TimeSpan timeout = endpoint.Timeouts.ProbeTimeout;
    private readonly IAdminClient admin = new DependentAdminClientBuilder(client.Handle).Build();

    /// <summary>Probes until it is cancelled or the client is closed.</summary>
    public async Task RunAsync(CancellationToken ending)
    {
        using var timer = new PeriodicTimer(endpoint.Timeouts.ProbeInterval, endpoint.Time);
        try
        {
            do
            {
                await ProbeAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(ending).ConfigureAwait(false));
        }
        catch (ObjectDisposedException)
        {
            // The client was closed during a request.
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client is about to be closed.
        }
    }

    public void Dispose() => admin.Dispose();

    private async Task ProbeAsync()
    {
        try
        {
            var trouble = await FindTroubleAsync().ConfigureAwait(false);
            if (endpoint.Health.Answered(trouble) && trouble is not null)
            {
                RiderLog.TopicTroubled(endpoint.Logger, settings.Topic, settings.GroupId, trouble);
            }

            foreach (var (partition, _) in assignment.Checkpoints)
            {
                assignment.EndsAt(partition, client.EndOf(partition));
            }
        }
        catch (KafkaException exception)
        {
            endpoint.Health.Failed(exception.Error.Code, ErrorText.Of(exception.Error));
        }
    }

    /// <returns>What is wrong with the topic; null if nothing is.</returns>
    /// <exception cref="KafkaException">No broker answered.</exception>
    private async Task<string?> FindTroubleAsync()
    {
        if (settings.IsPattern)
        {
            // A pattern names no topic to ask for; any metadata show that the brokers answer.
            admin.GetMetadata(timeout);
            return null;
        }

        // The dead-letter topic first: records may arrive as soon as the other topic exists.
        if (settings.CreateTopic is { } options && settings.DeadLetterTopicOf(settings.Topic) is { } deadLetterTopic && IsMissing(Describe(deadLetterTopic)))
        {
            await CreateAsync(deadLetterTopic, options).ConfigureAwait(false);
        }

        var topic = Describe(settings.Topic);
        if (IsMissing(topic))
        {
            if (settings.CreateTopic is not { } wanted)
            {
                return $"topic {settings.Topic} does not exist";
            }

            await CreateAsync(settings.Topic, wanted).ConfigureAwait(false);
            return $"topic {settings.Topic} did not exist and is being created";
        }

        return topic.Error.IsError
            ? ErrorText.Of(topic.Error, settings.Topic, settings.GroupId)
            : topic.Partitions.FirstOrDefault(partition => partition.Leader < 0) is { } leaderless
                ? $"{settings.Topic}[{leaderless.PartitionId}] has no leader"
                : null;
    }

    private static bool IsMissing(TopicMetadata topic) => topic.Error.Code == ErrorCode.UnknownTopicOrPart;

    private TopicMetadata Describe(string topic) => admin.GetMetadata(topic, timeout).Topics.Single();

    private async Task CreateAsync(string name, KafkaTopicOptions options)
    {
        try
        {
            await admin.CreateTopicsAsync(
                [new TopicSpecification { Name = name, NumPartitions = options.NumPartitions, ReplicationFactor = options.ReplicationFactor }],
                new CreateTopicsOptions { RequestTimeout = options.RequestTimeout, OperationTimeout = options.RequestTimeout }).ConfigureAwait(false);
            RiderLog.TopicCreated(endpoint.Logger, name);
        }
        catch (CreateTopicsException exception) when (exception.Results.TrueForAll(result => result.Error.Code == ErrorCode.TopicAlreadyExists))
        {
            // Another process has created it meanwhile.
        }
        catch (KafkaException exception)
        {
            RiderLog.TopicNotCreated(
                endpoint.Logger, name, exception is CreateTopicsException { Results: [var result, ..] } ? result.Error.Reason : exception.Error.Reason);
        }
    }
}
