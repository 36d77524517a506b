using System.Globalization;
using System.Runtime.CompilerServices;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.Infrastructure.Tools;

/// <summary>Checks everything that the service relies on. A check whose server has a fault is skipped.</summary>
internal sealed class Diagnosis(
    PostgresHealth postgresHealth,
    RedisHealth redisHealth,
    KafkaHealth kafkaHealth,
    ISchemaMigration migration,
    IStoreAudit store,
    ChangeOutbox outbox,
    IInstances instances,
    IConsumerLag lag,
    KafkaOptions kafka,
    TimeProvider time) : IDiagnosis
{
    /// <summary>How long one check may take.</summary>
    public static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How far the clocks of two processes may differ. Ages and lifetimes that readers see are wrong by as much.</summary>
    public static readonly TimeSpan MaxClockDifference = TimeSpan.FromSeconds(2);

    /// <summary>Changes may wait as long in the outbox.</summary>
    public static readonly TimeSpan MaxOutboxAge = TimeSpan.FromSeconds(30);

    /// <summary>Records may wait for the Workers up to this number.</summary>
    public const long MaxLag = 10_000;

    private const string Database = "PostgreSQL";
    private const string Cache = "Redis";
    private const string Broker = "Kafka";

    public async IAsyncEnumerable<Check> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var postgres = await ServerAsync(Database, postgresHealth, cancellationToken);
        yield return postgres;
        foreach (var (subject, check) in new (string, Func<CancellationToken, Task<Check>>)[]
        {
            ("schema", SchemaAsync), ("triggers and versions", TriggersAsync), ("outbox", OutboxAsync),
        })
        {
            yield return await WithAsync(subject, postgres, check, cancellationToken);
        }

        var redis = await ServerAsync(Cache, redisHealth, cancellationToken);
        yield return redis;
        foreach (var (subject, check) in new (string, Func<CancellationToken, Task<Check>>)[]
        {
            ("processes", ProcessesAsync), ("clocks", ClocksAsync), ("versions", VersionsAsync),
        })
        {
            yield return await WithAsync(subject, redis, check, cancellationToken);
        }

        var broker = await ServerAsync(Broker, kafkaHealth, cancellationToken);
        yield return broker;
        foreach (var (subject, check) in new (string, Func<CancellationToken, Task<Check>>)[] { ("topics", TopicsAsync), ("lag", LagAsync) })
        {
            yield return await WithAsync(subject, broker, check, cancellationToken);
        }
    }

    private async Task<Check> ServerAsync(string name, IHealthCheck health, CancellationToken cancellationToken)
    {
        try
        {
            var result = await health.CheckHealthAsync(new HealthCheckContext(), cancellationToken).WaitAsync(CheckTimeout, time, cancellationToken);
            return result.Status == HealthStatus.Healthy
                ? new Check(name, CheckResult.Fine, $"{name} answers, and permits what the Worker does.")
                : new Check(name, CheckResult.Fault, result.Description ?? $"{name} does not answer.", "Start the server, or correct the settings that the sentence names.");
        }
        catch (TimeoutException)
        {
            return new Check(name, CheckResult.Fault, $"{name} does not answer within {CheckTimeout.TotalSeconds:0} s.", "Start the server, or correct its address.");
        }
    }

    private async Task<Check> WithAsync(string subject, Check server, Func<CancellationToken, Task<Check>> check, CancellationToken cancellationToken)
    {
        if (server.Result == CheckResult.Fault)
        {
            return new Check(subject, CheckResult.Skipped, $"Not checked, because of {server.Subject}.");
        }

        try
        {
            return await check(cancellationToken).WaitAsync(CheckTimeout, time, cancellationToken);
        }
        catch (Exception exception) when (exception is UnavailableException or TimeoutException or NpgsqlException or MigrationException or KafkaException)
        {
            return new Check(subject, CheckResult.Fault, $"The check failed: {(exception as UnavailableException)?.Reason ?? exception.Message}", $"See {server.Subject}.");
        }
    }

    private async Task<Check> SchemaAsync(CancellationToken cancellationToken) => await migration.MissingAsync(cancellationToken) is { } missing
        ? new Check("schema", CheckResult.Fault, missing, "Run migrate with the role that owns the tables (image worker, argument migrate).")
        : new Check("schema", CheckResult.Fine, "All migrations of this version have run.");

    private async Task<Check> TriggersAsync(CancellationToken cancellationToken)
    {
        var state = await store.InspectAsync(cancellationToken);
        return state.Faults.Count == 0
            ? new Check("triggers and versions", CheckResult.Fine, string.Create(CultureInfo.InvariantCulture, $"All triggers are enabled; the last version is {state.LastVersion}."))
            : new Check("triggers and versions", CheckResult.Fault, string.Join(' ', state.Faults), "A Worker that owns the tables repairs them within seconds. Else run migrate as their owner, and audit --repair afterwards.");
    }

    private async Task<Check> OutboxAsync(CancellationToken cancellationToken)
    {
        var state = await outbox.MeasureAsync(cancellationToken);
        var text = string.Create(CultureInfo.InvariantCulture, $"{state.Depth} changes wait, the oldest for {state.Age.TotalSeconds:0.0} s; {state.Parked} are parked.");
        return state.Age > MaxOutboxAge ? new Check("outbox", CheckResult.Fault, text, "Check that a Worker runs and that Kafka answers.")
            : state.Parked > 0 ? new Check("outbox", CheckResult.Warning, text, "Look at them with parked list, and retry or delete them.")
            : new Check("outbox", CheckResult.Fine, text);
    }

    private async Task<Check> ProcessesAsync(CancellationToken cancellationToken)
    {
        var all = await instances.ReadAsync(cancellationToken);
        var (apis, workers) = (all.Count(one => one.Kind == InstanceReport.Api), all.Count(one => one.Kind == InstanceReport.Worker));
        var troubles = all.SelectMany(one => one.Servers.Where(server => !server.Available).Select(server => $"{one.Id}: {server.Reason ?? server.Name}")).ToList();
        return apis == 0 || workers == 0
            ? new Check("processes", CheckResult.Fault, $"{apis} Apis and {workers} Workers report.", "Start what is missing, with the same Redis and CACHE_NAMESPACE.")
            : troubles.Count > 0 ? new Check("processes", CheckResult.Fault, string.Join(' ', troubles), "See the settings of these processes.")
            : new Check("processes", CheckResult.Fine, $"{apis} Apis and {workers} Workers report, and reach their servers.");
    }

    private async Task<Check> ClocksAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var wrong = (await instances.ReadAsync(cancellationToken))
            .Select(one => (one.Id, Difference: one.At + one.Age - now))
            .Where(one => one.Difference.Duration() > MaxClockDifference)
            .ToList();
        return wrong.Count == 0
            ? new Check("clocks", CheckResult.Fine, $"The clocks of all processes agree within {MaxClockDifference.TotalSeconds:0} s.")
            : new Check(
                "clocks",
                CheckResult.Warning,
                string.Join(' ', wrong.Select(one => string.Create(CultureInfo.InvariantCulture, $"The clock of {one.Id} differs by {one.Difference.TotalSeconds:0.0} s."))),
                "Synchronize the clocks (NTP): ages and lifetimes that readers see are wrong by as much.");
    }

    private async Task<Check> VersionsAsync(CancellationToken cancellationToken)
    {
        var versions = (await instances.ReadAsync(cancellationToken)).GroupBy(one => one.Version).Select(group => $"{group.Key} ({group.Count()})").ToList();
        return versions.Count <= 1
            ? new Check("versions", CheckResult.Fine, versions.Count == 0 ? "No process reports." : $"All processes have version {versions[0]}.")
            : new Check("versions", CheckResult.Warning, $"Processes of several versions run: {string.Join(", ", versions)}.", "Normal during a deployment; else deploy the old ones again.");
    }

    private async Task<Check> TopicsAsync(CancellationToken cancellationToken)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig(kafka.CreateClientConfig()) { AllowAutoCreateTopics = false }).SetLogHandler((_, _) => { }).Build();
        var metadata = await Task.Run(() => admin.GetMetadata(CheckTimeout / 2), cancellationToken);
        var known = metadata.Topics.Where(topic => !topic.Error.IsError).ToDictionary(topic => topic.Topic, topic => topic.Partitions.Count);
        List<string> faults = [.. kafka.AllTopics.Where(topic => !known.ContainsKey(topic)).Select(topic => $"The topic {topic} is missing.")];
        if (faults.Count > 0)
        {
            return new Check("topics", CheckResult.Fault, string.Join(' ', faults), "Create them (deploy/rights/kafka-topics.sh), or let a process create them: KAFKA_CREATE_TOPICS=true.");
        }

        var expected = TopicCreation.ConfigurationOf(kafka.TopicOf(Contracts.Topics.ProductChanges));
        try
        {
            var resource = new ConfigResource { Type = ResourceType.Topic, Name = kafka.TopicOf(Contracts.Topics.ProductChanges) };
            var actual = (await admin.DescribeConfigsAsync([resource], new DescribeConfigsOptions { RequestTimeout = CheckTimeout / 2 })).Single().Entries;
            faults.AddRange(expected
                .Where(setting => actual.TryGetValue(setting.Key, out var found) && found.Value != setting.Value)
                .Select(setting => $"{resource.Name} has {setting.Key}={actual[setting.Key].Value} instead of {setting.Value}."));
        }
        catch (KafkaException)
        {
            return new Check("topics", CheckResult.Fine, $"All {known.Count(topic => kafka.AllTopics.Contains(topic.Key))} topics are there; the brokers do not tell their settings.");
        }

        return faults.Count == 0
            ? new Check("topics", CheckResult.Fine, $"All topics are there, with the settings that they should have; {kafka.TopicOf(Contracts.Topics.ProductRequests)} has {known[kafka.TopicOf(Contracts.Topics.ProductRequests)]} partitions.")
            : new Check("topics", CheckResult.Warning, string.Join(' ', faults), "Alter the topic: a consumer that was away for longer than its records are kept misses changes.");
    }

    private async Task<Check> LagAsync(CancellationToken cancellationToken)
    {
        var partitions = await lag.ReadAsync(cancellationToken);
        var total = partitions.Sum(partition => partition.Lag);
        var text = string.Create(CultureInfo.InvariantCulture, $"{total} records wait for the Workers in {partitions.Count} partitions.");
        return total <= MaxLag ? new Check("lag", CheckResult.Fine, text) : new Check("lag", CheckResult.Warning, text, "Add Workers, up to the number of partitions, or wait if a bulk update runs.");
    }
}
