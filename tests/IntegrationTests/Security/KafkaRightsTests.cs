using Confluent.Kafka;
using Confluent.Kafka.Admin;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>The users of deploy/rights/kafka-acls.sh can do their job on the topics of deploy/rights/kafka-topics.sh, and nothing else.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class KafkaRightsTests
{
    private const string Namespace = "shop";
    private const string Api = "api-of-the-shop";
    private const string Worker = "worker-of-the-shop";
    private const string Password = "password-of-a-user";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    // Each operation with the users that may do it.
    private static readonly (string Operation, string Resource, string Allowed)[] Matrix =
    [
        ("write", "shop.product-requests", "a"),
        ("write", "shop.product-changes", "w"),
        ("write", "shop.product-requests.dead-letter", "w"),
        ("write", "shop.product-changes.dead-letter", "w"),
        ("write", "another", string.Empty),
        ("read", "shop.product-requests", "w"),
        ("read", "shop.product-changes", "w"),
        ("read", "shop.product-changes.dead-letter", string.Empty),
        ("read", "another", string.Empty),
        ("join", "shop.product-cache-worker", "w"),
        ("join", "shop.product-cache-worker-purge-varnish", "w"),
        ("join", "another", string.Empty),
        ("create", "new-topic", string.Empty),
        ("delete", "shop.product-changes", string.Empty),
        ("configure", "shop.product-changes", string.Empty),
    ];

    private SecureKafka kafka = null!;
    private string properties = null!;
    private string home = null!;

    private static IEnumerable<TestCaseData> Cells() =>
        from row in Matrix
        from user in new[] { Api, Worker }
        let isAllowed = row.Allowed.Contains(user == Api ? 'a' : 'w', StringComparison.Ordinal)
        select new TestCaseData(row.Operation, row.Resource, user, isAllowed).SetArgDisplayNames(row.Operation, row.Resource, user);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        kafka = await TestServers.StartSecureKafkaAsync();
        properties = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            properties,
            $"""
            security.protocol=SASL_SSL
            ssl.truststore.type=PEM
            ssl.truststore.location={kafka.CaCertificate}
            sasl.mechanism=SCRAM-SHA-512
            sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="{kafka.Administrator.SaslUsername}" password="{kafka.Administrator.SaslPassword}";
            """);
        home = Directory.Exists(Path.Combine(kafka.Home, "bin")) ? kafka.Home : WithScripts(kafka.Home);
        await kafka.AddUserAsync(Api, Password);
        await kafka.AddUserAsync(Worker, Password);
        using var administrator = new AdminClientBuilder(new AdminClientConfig(kafka.Administrator)).Build();
        await administrator.CreateTopicsAsync([new TopicSpecification { Name = "another", NumPartitions = 1 }]);
        await RunAsync("kafka-topics.sh", Namespace, "1");
        await RunAsync("kafka-acls.sh", Namespace, Api, Worker);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (kafka is not null)
        {
            File.Delete(properties);
            if (home != kafka.Home)
            {
                Directory.Delete(home, recursive: true);
            }

            await kafka.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Cells))]
    public async Task EachUserMayWhatTheMatrixSays(string operation, string resource, string user, bool isAllowed)
    {
        var error = await Task.Run(() => TryAsync(operation, resource, new ClientConfig(kafka.Administrator) { SaslUsername = user, SaslPassword = Password }));

        Assert.That(
            error,
            isAllowed
                ? Is.EqualTo(ErrorCode.NoError)
                : Is.AnyOf(ErrorCode.TopicAuthorizationFailed, ErrorCode.GroupAuthorizationFailed, ErrorCode.ClusterAuthorizationFailed));
    }

    private static async Task<ErrorCode> TryAsync(string operation, string resource, ClientConfig config)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig(config)).Build();
        try
        {
            switch (operation)
            {
                case "write":
                    using (var producer = new ProducerBuilder<string, string>(new ProducerConfig(config) { EnableIdempotence = true }).Build())
                    {
                        await producer.ProduceAsync(resource, new Message<string, string> { Key = "1", Value = "x" }).WaitAsync(Timeout);
                    }

                    break;
                case "read":
                    // Who may not read a topic does not see it: a consumer would wait for it.
                    if (admin.GetMetadata(resource, Timeout).Topics[0].Error is { IsError: true } unseen)
                    {
                        return unseen.Code;
                    }

                    Consume(new ConsumerConfig(config) { GroupId = "shop.product-cache-worker" }, consumer => consumer.Assign(new TopicPartitionOffset(resource, 0, Offset.Beginning)));
                    break;
                case "join":
                    Consume(new ConsumerConfig(config) { GroupId = resource }, consumer => consumer.Subscribe("shop.product-changes"));
                    break;
                case "create":
                    await admin.CreateTopicsAsync([new TopicSpecification { Name = resource, NumPartitions = 1 }]);
                    break;
                case "delete":
                    await admin.DeleteTopicsAsync([resource]);
                    break;
                default:
                    await admin.AlterConfigsAsync(new()
                    {
                        [new ConfigResource { Type = ResourceType.Topic, Name = resource }] = [new ConfigEntry { Name = "retention.ms", Value = "1" }],
                    });
                    break;
            }

            return ErrorCode.NoError;
        }
        catch (CreateTopicsException refused)
        {
            return refused.Results[0].Error.Code;
        }
        catch (DeleteTopicsException refused)
        {
            return refused.Results[0].Error.Code;
        }
        catch (AlterConfigsException refused)
        {
            return refused.Results[0].Error.Code;
        }
        catch (KafkaException refused)
        {
            return refused.Error.Code;
        }
    }

    // The end of a partition, or a record, shows that reading is allowed.
    private static void Consume(ConsumerConfig config, Action<IConsumer<Ignore, Ignore>> begin)
    {
        config.EnablePartitionEof = true;
        config.AutoOffsetReset = AutoOffsetReset.Earliest;
        Error? denial = null;
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(config)
            .SetErrorHandler((_, error) => denial = error.Code is ErrorCode.GroupAuthorizationFailed or ErrorCode.TopicAuthorizationFailed ? error : denial)
            .Build();
        begin(consumer);
        var read = consumer.Consume(Timeout);
        consumer.Close();
        if (read is null)
        {
            throw new KafkaException(denial ?? new Error(ErrorCode.Local_TimedOut));
        }
    }

    // A folder with the two scripts of a distribution that are used, for one that has only its libraries.
    private static string WithScripts(string libraries)
    {
        var folder = Directory.CreateTempSubdirectory("kafka-scripts-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "bin"));
        foreach (var (script, type) in new[] { ("kafka-acls.sh", "AclCommand"), ("kafka-topics.sh", "TopicCommand") })
        {
            var path = Path.Combine(folder, "bin", script);
            File.WriteAllText(path, $"#!/bin/sh\nexec java -cp '{libraries}/libs/*' org.apache.kafka.tools.{type} \"$@\"\n");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        return folder;
    }

    private async Task RunAsync(string script, params string[] arguments)
    {
        var (exitCode, output, errors) = await Command.RunAsync(
            [Repository.PathOf($"deploy/rights/{script}"), kafka.Bootstrap, properties, .. arguments],
            TimeSpan.FromMinutes(2),
            configure: variables => variables["KAFKA_HOME"] = home);
        Assert.That(exitCode, Is.Zero, output + errors);
    }
}
