using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Contracts;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>
/// Creates missing topics at start, if the brokers permit it. The start waits for it for a short time, since a consumer that has seen a
/// topic missing notices it late. While Kafka is unavailable, the start continues and the creation is retried.
/// </summary>
internal sealed class TopicCreation(KafkaOptions options, TimeProvider time, ILogger<TopicCreation> logger) : BackgroundService
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    // Changes are kept for as long as a slow consumer may need them. After a day, the last change of a product is enough.
    private static readonly Dictionary<string, string> ChangesConfiguration = new()
    {
        ["cleanup.policy"] = "compact,delete",
        ["min.compaction.lag.ms"] = Milliseconds(TimeSpan.FromDays(1)),
        ["retention.ms"] = Milliseconds(TimeSpan.FromDays(7)),
    };

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        await Task.WhenAny(ExecuteTask!, Task.Delay(StartWait, time, cancellationToken));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var missing = options.AllTopics.ToList();
        while (missing.Count > 0)
        {
            await Task.Run(() => CreateAsync(missing), stoppingToken);
            if (missing.Count > 0)
            {
                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }

    internal static Dictionary<string, string> ConfigurationOf(string topic) =>
        topic.EndsWith(Topics.ProductChanges, StringComparison.Ordinal) ? ChangesConfiguration : [];

    private static string Milliseconds(TimeSpan span) => ((long)span.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);

    // Removes every topic that was created, or that cannot be created, from the list.
    private async Task CreateAsync(List<string> missing)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig(options.CreateClientConfig()))
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
        try
        {
            await admin.CreateTopicsAsync(
                missing.Select(name => new TopicSpecification
                {
                    Name = name,
                    NumPartitions = options.Partitions,
                    ReplicationFactor = options.Replication,
                    Configs = ConfigurationOf(name),
                }),
                new CreateTopicsOptions { RequestTimeout = RequestTimeout, OperationTimeout = RequestTimeout });
            missing.ForEach(name => MessagingLog.TopicCreated(logger, name));
            missing.Clear();
        }
        catch (CreateTopicsException exception)
        {
            foreach (var report in exception.Results)
            {
                Settle(missing, report);
            }
        }
        catch (KafkaException exception)
        {
            MessagingLog.BrokerNotReached(logger, exception.Error.Reason);
        }
    }

    private void Settle(List<string> missing, CreateTopicReport report)
    {
        switch (report.Error.Code)
        {
            case ErrorCode.NoError:
                MessagingLog.TopicCreated(logger, report.Topic);
                break;
            case ErrorCode.TopicAlreadyExists:
                break;
            case ErrorCode.TopicAuthorizationFailed or ErrorCode.ClusterAuthorizationFailed or ErrorCode.InvalidReplicationFactor
                or ErrorCode.PolicyViolation or ErrorCode.InvalidPartitions:
                MessagingLog.TopicNotCreated(logger, report.Topic, report.Error.Reason);
                break;
            default:
                MessagingLog.BrokerNotReached(logger, report.Error.Reason);
                return;
        }

        missing.Remove(report.Topic);
    }
}
