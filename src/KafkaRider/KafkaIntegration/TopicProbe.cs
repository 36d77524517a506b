using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;

namespace MassTransit.KafkaIntegration;

/// <summary>Asks the brokers how it stands with an endpoint's topic, and creates it where it is missing and the endpoint wants that.</summary>
internal sealed class TopicProbe(Handle client, TopicEndpointSettings settings, ILogger logger) : IDisposable
{
    /// <summary>How long the brokers may take to answer.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly IAdminClient admin = new DependentAdminClientBuilder(client).Build();

    /// <returns>What is wrong with the topic; none: nothing.</returns>
    /// <exception cref="KafkaException">No broker has answered.</exception>
    public async Task<string?> AskAsync()
    {
        if (settings.IsPattern)
        {
            // Any topic will do to see that the brokers answer.
            admin.GetMetadata(Timeout);
            return null;
        }

        // The dead-letter topic first: records may come as soon as the other is there.
        if (settings.CreateTopic is { } options && settings.DeadLetterTopicOf(settings.Topic) is { } deadLetterTopic && IsMissing(Look(deadLetterTopic)))
        {
            await CreateAsync(deadLetterTopic, options).ConfigureAwait(false);
        }

        var topic = Look(settings.Topic);
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

    public void Dispose() => admin.Dispose();

    private static bool IsMissing(TopicMetadata topic) => topic.Error.Code == ErrorCode.UnknownTopicOrPart;

    private TopicMetadata Look(string topic) => admin.GetMetadata(topic, Timeout).Topics.Single();

    private async Task CreateAsync(string name, KafkaTopicOptions options)
    {
        try
        {
            await admin.CreateTopicsAsync(
                [new TopicSpecification { Name = name, NumPartitions = options.NumPartitions, ReplicationFactor = options.ReplicationFactor }],
                new CreateTopicsOptions { RequestTimeout = options.RequestTimeout, OperationTimeout = options.RequestTimeout }).ConfigureAwait(false);
            RiderLog.TopicCreated(logger, name);
        }
        catch (CreateTopicsException exception) when (exception.Results.TrueForAll(result => result.Error.Code == ErrorCode.TopicAlreadyExists))
        {
            // By somebody else, meanwhile.
        }
        catch (KafkaException exception)
        {
            RiderLog.TopicNotCreated(logger, name, exception is CreateTopicsException { Results: [var result, ..] } ? result.Error.Reason : exception.Error.Reason);
        }
    }
}
