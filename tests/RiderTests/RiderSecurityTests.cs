using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What the rider does, and says, on a broker that lets in only who has logged in and allows only what was granted.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class RiderSecurityTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private SecureKafka kafka = null!;

    [OneTimeSetUp]
    public async Task StartKafkaAsync() => kafka = await TestServers.StartSecureKafkaAsync();

    [OneTimeTearDown]
    public async Task StopKafkaAsync()
    {
        if (kafka is not null)
        {
            await kafka.DisposeAsync();
        }
    }

    [Test]
    public async Task WithTheGrantsOfItsTopicsAndItsGroupTheRiderDoesAllItDoes()
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);
        await using var application = Start(place, fails: id => id == "poison");

        await application.ProduceAsync("1");
        await application.ProduceAsync("poison");
        await application.ProduceAsync("2");

        await CommittedReachesAsync(place, 3);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1", "2" }));
        Assert.That(Written(place.DeadLetterTopic), Is.EqualTo(1));
    }

    [Test]
    public async Task AProduceThatIsNotAllowedNamesTheGrantAndWorksOnceItIsGiven()
    {
        // Who may write nothing at all is not even given what makes its producer idempotent: a fatal error.
        var place = await CreateAsync();
        var (user, password) = ($"user-{Guid.NewGuid():N}", "password-of-a-newcomer");
        await kafka.AddUserAsync(user, password);
        await using var application = Start(place, user: user, password: password);

        var refused = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() => application.ProduceAsync("1"))!;
        Assert.That(refused.Message, Is.EqualTo($"WRITE on topic {place.Topic} is not granted"));
        Assert.That(refused.Error.Code, Is.EqualTo(ErrorCode.TopicAuthorizationFailed));
        await Eventually.TrueAsync(() => application.Lines.Any(line => line.Contains("WRITE is not granted on any topic")));

        await kafka.GrantAsync(user, AclOperation.Write, (ResourceType.Topic, place.Topic));
        await Eventually.TrueAsync(() => application.TryProduceAsync("2"));
        Assert.That(Written(place.Topic), Is.EqualTo(1));
    }

    [TestCase(ResourceType.Topic, AclOperation.Any, TestName = nameof(ConsumptionThatIsNotAllowedNamesTheGrantAndGoesOnOnceItIsGiven) + "(topic, not to be seen)")]
    [TestCase(ResourceType.Topic, AclOperation.Describe, TestName = nameof(ConsumptionThatIsNotAllowedNamesTheGrantAndGoesOnOnceItIsGiven) + "(topic, to be seen)")]
    [TestCase(ResourceType.Group, AclOperation.Any, TestName = nameof(ConsumptionThatIsNotAllowedNamesTheGrantAndGoesOnOnceItIsGiven) + "(group)")]
    public async Task ConsumptionThatIsNotAllowedNamesTheGrantAndGoesOnOnceItIsGiven(ResourceType missing, AclOperation allowed)
    {
        var place = await CreateAsync();
        var (denied, granted) = missing == ResourceType.Topic ? (place.Topic, place.Group) : (place.Group, place.Topic);
        await kafka.GrantAsync(kafka.User, AclOperation.Read, (missing == ResourceType.Topic ? ResourceType.Group : ResourceType.Topic, granted));
        if (allowed != AclOperation.Any)
        {
            await kafka.GrantAsync(kafka.User, allowed, (missing, denied));
        }

        await WriteAsync(place, "1");
        await using var application = Start(place);
        var kind = missing.ToString().ToLowerInvariant();
        var sentence = $"READ on {kind} {denied} is not granted";

        // The client tells it once; who looks later finds it in the health of the bus.
        await Eventually.TrueAsync(() => application.Lines.Any(line => line.Contains(sentence)));
        await Eventually.TrueAsync(() => application.Faults().Contains(sentence));

        await kafka.GrantAsync(kafka.User, AclOperation.Read, (missing, denied));
        await CommittedReachesAsync(place, 1);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1" }));
        await Eventually.TrueAsync(() => application.Faults().Length == 0);
    }

    [Test]
    public async Task ACommitThatIsNotAllowedNamesTheGrantAndIsMadeOnceItIsGiven()
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);
        await using var application = Start(place);
        await application.ProduceAsync("1");
        await CommittedReachesAsync(place, 1);

        await kafka.RevokeAsync(kafka.User, AclOperation.Read, (ResourceType.Group, place.Group));
        await application.ProduceAsync("2");
        await Eventually.TrueAsync(() => application.Lines.Any(line =>
            line.Contains($"offsets were not committed, retrying: READ on group {place.Group} is not granted")));

        await kafka.GrantAsync(kafka.User, AclOperation.Read, (ResourceType.Group, place.Group));
        await CommittedReachesAsync(place, 2);
    }

    [Test]
    public async Task ADeadLetterThatIsNotAllowedNamesTheGrantAndIsPutAsideOnceItIsGiven()
    {
        var place = await CreateAsync();
        await kafka.GrantAsync(kafka.User, AclOperation.Read, (ResourceType.Topic, place.Topic), (ResourceType.Group, place.Group));
        await WriteAsync(place, "poison", "1");
        await using var application = Start(place, fails: id => id == "poison");

        await Eventually.TrueAsync(() => application.Lines.Any(line =>
            line.Contains($"retrying: WRITE on topic {place.DeadLetterTopic} is not granted")));
        Assert.That(Committed(place), Is.Zero);

        await kafka.GrantAsync(kafka.User, AclOperation.Write, (ResourceType.Topic, place.DeadLetterTopic));
        await CommittedReachesAsync(place, 2);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1" }));
        Assert.That(Written(place.DeadLetterTopic), Is.EqualTo(1));
    }

    [Test]
    public async Task AWrongPasswordIsToldToTheProducerAndInTheLog()
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);
        await using var application = Start(place, password: "a-wrong-password");

        await DoesNotGetThroughAsync(application, place, "authentication failed, check mechanism, user and password");
    }

    [Test]
    public async Task ACertificateOfAnUnknownAuthorityIsRefused()
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);

        // Without a CA certificate of its own the client trusts those of the machine.
        await using var application = Start(place, host: host =>
        {
            host.UseSsl();
            host.UseSasl(sasl => LogIn(sasl, kafka.User, kafka.Password));
        });

        await DoesNotGetThroughAsync(application, place, "TLS connection failed, check the port and the CA certificate");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task AClientWithoutEncryptionDoesNotGetThrough(bool logsIn)
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);
        await using var application = Start(place, host: host =>
        {
            if (logsIn)
            {
                host.UseSasl(sasl =>
                {
                    LogIn(sasl, kafka.User, kafka.Password);
                    sasl.SecurityProtocol = SecurityProtocol.SaslPlaintext;
                });
            }
        });

        await DoesNotGetThroughAsync(application, place, "brokers are down");
    }

    [Test]
    public async Task NoLineOfTheLogContainsThePasswordHoweverMuchIsLogged()
    {
        var place = await CreateAsync();
        await GrantAllAsync(place);
        await using var application = Start(place, settings: new ClientConfig { Debug = "security,conf" });

        await application.ProduceAsync("1");
        await CommittedReachesAsync(place, 1);

        Assert.That(application.Lines, Has.Some.Contains("sasl.password"));
        Assert.That(application.Lines, Has.None.Contains(kafka.Password));
    }

    private async Task DoesNotGetThroughAsync(Application application, Place place, string sentence)
    {
        var failed = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() => application.ProduceAsync("1"))!;
        Assert.That(failed.Message, Does.Contain(sentence));
        Assert.That(failed.Error.Code, Is.EqualTo(ErrorCode.Local_MsgTimedOut));
        Assert.That(failed.ToString(), Does.Not.Contain(kafka.Password).And.Not.Contain("a-wrong-password"));

        // The producer's line and the consumer's.
        await Eventually.TrueAsync(() => application.Lines.Count(line => line.Contains(sentence)) >= 2);
        Assert.That(Written(place.Topic), Is.Zero);
    }

    private sealed record Place(string Topic, string Group)
    {
        public string DeadLetterTopic => $"{Topic}.dead-letter";
    }

    private async Task<Place> CreateAsync()
    {
        var place = new Place($"test-{Guid.NewGuid():N}", $"group-{Guid.NewGuid():N}");
        using var admin = new AdminClientBuilder(kafka.Administrator).Build();
        await admin.CreateTopicsAsync(new[] { place.Topic, place.DeadLetterTopic }.Select(name => new TopicSpecification
        {
            Name = name,
            NumPartitions = 1,
            ReplicationFactor = 1,
        }));
        return place;
    }

    private async Task GrantAllAsync(Place place)
    {
        await kafka.GrantAsync(kafka.User, AclOperation.Write, (ResourceType.Topic, place.Topic), (ResourceType.Topic, place.DeadLetterTopic));
        await kafka.GrantAsync(kafka.User, AclOperation.Read, (ResourceType.Topic, place.Topic), (ResourceType.Group, place.Group));
    }

    private async Task WriteAsync(Place place, params IEnumerable<string> ids)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(kafka.Administrator).Build();
        foreach (var id in ids)
        {
            await producer.ProduceAsync(place.Topic, new Message<byte[], byte[]>
            {
                Key = Encoding.UTF8.GetBytes(id),
                Value = Encoding.UTF8.GetBytes($$"""{ "orderId": "{{id}}" }"""),
            });
        }
    }

    /// <summary>How many records were written to the only partition, by whomever.</summary>
    private long Written(string topic)
    {
        using var consumer = Reader("nobody");
        return consumer.QueryWatermarkOffsets(new TopicPartition(topic, 0), Timeout).High;
    }

    private long Committed(Place place)
    {
        using var consumer = Reader(place.Group);
        return Math.Max(0, consumer.Committed([new TopicPartition(place.Topic, 0)], Timeout)[0].Offset);
    }

    private Task CommittedReachesAsync(Place place, long count) =>
        Eventually.TrueAsync(() => Committed(place) >= count, $"{count} records of {place.Topic} committed");

    private IConsumer<Ignore, Ignore> Reader(string group) =>
        new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig(kafka.Administrator.ToDictionary(setting => setting.Key, setting => setting.Value))
        {
            GroupId = group,
        }).Build();

    private Application Start(
        Place place,
        Predicate<string>? fails = null,
        string? user = null,
        string? password = null,
        Action<IKafkaHostConfigurator>? host = null,
        ClientConfig? settings = null) =>
        Application.Start(
            place,
            settings ?? new ClientConfig(),
            k => k.Host(kafka.Bootstrap, host ?? (h =>
            {
                h.UseSsl(ssl => ssl.CaLocation = kafka.CaCertificate);
                h.UseSasl(sasl => LogIn(sasl, user ?? kafka.User, password ?? kafka.Password));
            })),
            fails ?? (_ => false));

    private static void LogIn(IKafkaSaslConfigurator sasl, string user, string password) =>
        (sasl.Mechanism, sasl.Username, sasl.Password) = (SaslMechanism.ScramSha512, user, password);

    /// <summary>A producer and a consumer that may not be able to start, and all they log.</summary>
    private sealed class Application : IAsyncDisposable
    {
        private readonly ServiceProvider services;
        private readonly IBusControl bus;
        private readonly CancellationTokenSource timeout = new(TimeSpan.FromSeconds(120));
        private readonly RecordedLog log = new();
        private readonly Task starting;

        private Application(Place place, ClientConfig settings, Action<IKafkaFactoryConfigurator> connect, Predicate<string> fails)
        {
            var collection = new ServiceCollection();

            // MassTransit's log context outlives the container that it was made from, and goes from test to test.
            var logging = new LoggerFactory([log], new LoggerFilterOptions { MinLevel = LogLevel.Trace });
            collection.AddSingleton<ILoggerFactory>(logging);
            collection.AddLogging();
            collection.AddMassTransit(x =>
            {
                x.DisableUsageTelemetry();
                x.UsingInMemory();
                x.AddRider(rider =>
                {
                    rider.AddProducer<string, Order>(place.Topic, new ProducerConfig { MessageTimeoutMs = 5_000 });
                    rider.UsingKafka(settings, (_, k) =>
                    {
                        connect(k);
                        k.TopicEndpoint<string, Order>(place.Topic, RiderApplication.Config(place.Group), endpoint =>
                        {
                            endpoint.CheckpointMessageCount = 1;
                            endpoint.Handler<Order>(context =>
                            {
                                if (fails(context.Message.OrderId))
                                {
                                    throw new InvalidOperationException("as the test wants it");
                                }

                                Handled.Enqueue(context.Message.OrderId);
                                return Task.CompletedTask;
                            });
                        });
                    });
                });
            });
            services = collection.BuildServiceProvider();
            LogContext.ConfigureCurrentLogContext(logging);
            bus = services.GetRequiredService<IBusControl>();

            // It ends when the consumer has its partitions.
            starting = bus.StartAsync(timeout.Token);
        }

        public ConcurrentQueue<string> Handled { get; } = new();

        public IEnumerable<string> Lines => log.LinesWithLevel;

        public static Application Start(Place place, ClientConfig settings, Action<IKafkaFactoryConfigurator> connect, Predicate<string> fails) =>
            new(place, settings, connect, fails);

        /// <summary>What the health of the endpoints says is wrong.</summary>
        public string Faults() => string.Join(
            Environment.NewLine,
            bus.CheckHealth().Endpoints.Values.Where(endpoint => endpoint.Status != BusHealthStatus.Healthy).Select(endpoint => $"{endpoint.Description} {endpoint.Exception}"));

        public async Task ProduceAsync(string id)
        {
            await using var scope = services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>().Produce(id, new Order { OrderId = id });
        }

        public async Task<bool> TryProduceAsync(string id)
        {
            try
            {
                await ProduceAsync(id);
                return true;
            }
            catch (ProduceException<byte[]?, byte[]?>)
            {
                return false;
            }
        }

        [SuppressMessage("Reliability", "CA2016", Justification = "Stopping has a deadline of its own.")]
        public async ValueTask DisposeAsync()
        {
            if (starting.IsCompletedSuccessfully)
            {
                await bus.StopAsync();
            }
            else
            {
                await timeout.CancelAsync();
                await starting.ContinueWith(_ => { }, TaskScheduler.Default);
            }

            timeout.Dispose();
            await services.DisposeAsync();
        }
    }
}
