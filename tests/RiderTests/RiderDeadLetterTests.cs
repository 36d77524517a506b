using System.Collections.Concurrent;
using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MassTransit;
using MassTransit.KafkaIntegration;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What becomes of records that cannot be handled, where the endpoint says it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderDeadLetterTests
{
    private const string Bad = "bad";

    private readonly ConcurrentQueue<string> handled = new();
    private readonly string group = $"group-{Guid.NewGuid():N}";
    private KafkaServer kafka = null!;
    private string topic = null!;
    private bool failing = true;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await SharedServers.Kafka;
        topic = await TestTopics.CreateAsync(kafka, partitions: 2);
    }

    [Test]
    public async Task ADeadLetterSaysHowOftenItsRecordWasTried()
    {
        await using var bus = await StartAsync(endpoint => endpoint.UseMessageRetry(retry => retry.Immediate(2)));

        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Bad));

        Assert.That((await LetterAsync()).Header("dead-letter-attempts"), Is.EqualTo("3"));
    }

    [Test]
    public async Task ARecordThatCannotBeReadWasNotTried()
    {
        await using var bus = await StartAsync(endpoint => endpoint.UseMessageRetry(retry => retry.Immediate(2)));

        await TestTopics.ProduceAsync(kafka, topic, Records.Of("k", "{"));

        Assert.That((await LetterAsync()).Header("dead-letter-attempts"), Is.EqualTo("0"));
    }

    [Test]
    public async Task TheTriesOfItsBatchesAreTriesOfARecord()
    {
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("1", Bad));
        await using var bus = await StartBatchesAsync(endpoint => endpoint.UseMessageRetry(retry => retry.Immediate(1)));

        // Twice in a batch of two and twice alone, or, should both have been polled one after the other, twice alone.
        var attempts = (await LetterAsync()).Header("dead-letter-attempts");
        Assert.That(attempts, Is.EqualTo("4").Or.EqualTo("2"));
        Assert.That(handled, Is.EqualTo(new[] { "1" }));
    }

    [Test]
    public async Task TheDeadLetterTopicMayHaveAnotherName()
    {
        var other = await TestTopics.CreateAsync(kafka);
        await using var bus = await StartAsync(endpoint => endpoint.DeadLetterTopic = other);

        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Bad));

        Assert.That((await TestTopics.ReadAsync(kafka, other, 1))[0].Header("dead-letter-topic"), Is.EqualTo(topic));
    }

    [Test]
    public async Task WithoutADeadLetterTopicThePartitionStopsAtTheRecordAndTheOthersGoOn()
    {
        await using var bus = await StartAsync(endpoint => endpoint.DeadLetterTopic = null);
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("1", Bad, "2", "3"));
        await Eventually.TrueAsync(() => bus.Health(topic).Status == BusHealthStatus.Degraded);

        // Enough of them that some are in the other partition.
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Enumerable.Range(100, 40).Select(n => $"{n}")));
        await Eventually.TrueAsync(() => handled.Count > 1);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bus.Health(topic).Description, Is.EqualTo($"{topic}[0] has stopped at offset 1: Not this one."));
            Assert.That(handled, Has.None.EqualTo("2").And.None.EqualTo("3"));
            Assert.That(await TestTopics.CommittedAsync(kafka, topic, group), Is.LessThan(44 - 3));
        }

        // The next start tries it again.
        failing = false;
        await bus.StopAsync();
        await bus.StartAsync();
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 44);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(handled.Distinct(), Is.EquivalentTo(Enumerable.Range(100, 40).Select(n => $"{n}").Concat(["1", Bad, "2", "3"])));
            Assert.That(bus.Health().Status, Is.EqualTo(BusHealthStatus.Healthy));
        }
    }

    [Test]
    public async Task DeadLettersAreTakenBackOnce()
    {
        await using var bus = await StartAsync(_ => { });
        var record = Records.Order(Bad, Bad);
        record.Headers = new Confluent.Kafka.Headers { { "tenant", "acme"u8.ToArray() } };
        await TestTopics.ProduceAsync(kafka, topic, record, Records.Of("unreadable", "{"));
        await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 2);

        failing = false;
        var rider = bus.Services.GetRequiredService<IKafkaRider>();
        var first = await rider.ReplayDeadLetters(
            $"{topic}.dead-letter", new DeadLetterReplayOptions { Where = letter => letter.Header("dead-letter-stage") == "consume" });
        var second = await rider.ReplayDeadLetters($"{topic}.dead-letter");
        await Eventually.TrueAsync(() => handled.Contains(Bad));

        var replayed = (await TestTopics.ReadAsync(kafka, topic, 3)).Where(one => one.Key() == Bad).MaxBy(one => one.Offset.Value)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(new DeadLetterReplay(Replayed: 1, PassedBy: 1, Incomplete: 0)));
            Assert.That(second, Is.EqualTo(new DeadLetterReplay(0, 0, 0)));
            Assert.That(replayed.Message.Headers.Select(header => header.Key), Is.EqualTo(new[] { "tenant" }));
            Assert.That(replayed.Message.Timestamp.UnixTimestampMs, Is.EqualTo(record.Timestamp.UnixTimestampMs).Or.Positive);
        }
    }

    [Test]
    public async Task AReplayGoesOnWhereItsLimitEndedTheLastOneOrBeginsAgain()
    {
        await using var bus = await StartAsync(_ => { });
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Enumerable.Range(0, 3).Select(n => Records.Of($"{n}", "{")));
        await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 3);
        var rider = bus.Services.GetRequiredService<IKafkaRider>();
        List<string> seen = [];
        DeadLetterReplayOptions options = new()
        {
            Limit = 2,
            Where = letter =>
            {
                seen.Add(letter.Key()!);
                return false;
            },
        };

        await rider.ReplayDeadLetters($"{topic}.dead-letter", options);
        await rider.ReplayDeadLetters($"{topic}.dead-letter", options);
        Assert.That(seen, Is.EquivalentTo(new[] { "0", "1", "2" }));

        options.FromBeginning = true;
        options.Limit = 100;
        await rider.ReplayDeadLetters($"{topic}.dead-letter", options);
        Assert.That(seen, Has.Count.EqualTo(6));
    }

    [Test]
    public async Task AReplayTakesNothingBackOnceTheBusHasStopped()
    {
        await using var bus = await StartAsync(_ => { });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Bad));
        await LetterAsync();
        var rider = bus.Services.GetRequiredService<IKafkaRider>();
        DeadLetterReplayOptions duringTheStop = new()
        {
            Where = _ =>
            {
                bus.StopAsync().GetAwaiter().GetResult();
                return true;
            },
        };

        Assert.That(
            () => rider.ReplayDeadLetters($"{topic}.dead-letter", duringTheStop),
            Throws.TypeOf<KafkaException>().With.Message.Contains("The bus was stopped"));
        Assert.That(
            () => rider.ReplayDeadLetters($"{topic}.dead-letter"),
            Throws.TypeOf<KafkaException>().With.Message.Contains("The bus was stopped"));

        failing = false;
        await bus.StartAsync();
        Assert.That(await rider.ReplayDeadLetters($"{topic}.dead-letter"), Is.EqualTo(new DeadLetterReplay(Replayed: 1, PassedBy: 0, Incomplete: 0)));
    }

    [Test]
    public async Task DeadLettersAndReplaysDoNotDependOnWhoseTimestampsTheTopicsKeep()
    {
        kafka.RequireReal();
        var letters = $"{topic}.dead-letter";
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        await admin.IncrementalAlterConfigsAsync(new[] { topic, letters }.ToDictionary(
            name => new ConfigResource { Type = ResourceType.Topic, Name = name },
            _ => new List<ConfigEntry> { new() { Name = "message.timestamp.type", Value = "LogAppendTime", IncrementalOperation = AlterConfigOpType.Set } }));
        await using var bus = await StartAsync(_ => { });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Bad));
        await LetterAsync();

        failing = false;
        var replay = await bus.Services.GetRequiredService<IKafkaRider>().ReplayDeadLetters(letters);

        Assert.That(replay, Is.EqualTo(new DeadLetterReplay(Replayed: 1, PassedBy: 0, Incomplete: 0)));
        await Eventually.TrueAsync(() => handled.Contains(Bad));
    }

    [Test]
    public async Task OfABatchThatFailsARecordMayBeUnreadableTheSecondTime()
    {
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("1", Bad, "2"));
        await using var bus = await StartBatchesAsync(endpoint => endpoint.SetValueDeserializer(new ReadableOnce("2")));

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 3);

        // Should each have been polled alone, there was no second time.
        Assert.That(handled, Is.EqualTo(new[] { "1" }).Or.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task TombstonesReachAConsumerThatAsksForThemAndTheOthersGoToTheDeadLetters()
    {
        ConcurrentQueue<string?> deleted = new();
        await using var bus = await StartAsync(endpoint => endpoint.Handler<Tombstone<Order>>(context =>
        {
            deleted.Enqueue(context.GetKey<string>());
            return Task.CompletedTask;
        }));

        await TestTopics.ProduceAsync(kafka, topic, Records.Of("null", null), Records.Of("empty", string.Empty), Records.Order("1", "1"));

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 3);
        Assert.That(deleted, Is.EquivalentTo(new[] { "null", "empty" }));
        Assert.That(handled, Is.EqualTo(new[] { "1" }));
    }

    private async Task<ConsumeResult<byte[]?, byte[]?>> LetterAsync() => (await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0];

    private Task<RiderBus> StartAsync(Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>> configure) => RiderBus.StartAsync(rider =>
        rider.UsingKafka((_, k) =>
        {
            k.Host(kafka.Bootstrap);
            k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint =>
            {
                configure(endpoint);
                endpoint.Handler<Order>(context =>
                {
                    if (failing && context.Message.OrderId == Bad)
                    {
                        throw new InvalidOperationException("Not this one.");
                    }

                    handled.Enqueue(context.Message.OrderId);
                    return Task.CompletedTask;
                });
            });
        }));

    private Task<RiderBus> StartBatchesAsync(Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>> configure) => RiderBus.StartAsync(
        rider =>
        {
            rider.AddConsumer<FussyBatchConsumer>();
            rider.UsingKafka((context, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint =>
                {
                    configure(endpoint);
                    endpoint.ConfigureConsumer<FussyBatchConsumer>(context);
                });
            });
        },
        services => services.AddSingleton(handled));

    private sealed class ReadableOnce(string id) : IDeserializer<Order>
    {
        private int reads;

        public Order Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
        {
            var order = JsonSerializer.Deserialize<Order>(data, JsonSerializerOptions.Web)!;
            return order.OrderId == id && ++reads > 1 ? throw new InvalidDataException("The registry is away.") : order;
        }
    }

    private sealed class FussyBatchConsumer(ConcurrentQueue<string> handled) : IConsumer<Batch<Order>>
    {
        public Task Consume(ConsumeContext<Batch<Order>> context)
        {
            string[] ids = [.. context.Message.Select(order => order.Message.OrderId)];
            if (ids.Contains(Bad))
            {
                throw new InvalidOperationException("Not this one.");
            }

            Array.ForEach(ids, handled.Enqueue);
            return Task.CompletedTask;
        }
    }
}
