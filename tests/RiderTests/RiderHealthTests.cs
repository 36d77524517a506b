using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What the rider says of itself: the health of the bus, and its metrics.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderHealthTests
{
    private readonly string group = $"group-{Guid.NewGuid():N}";

    [Test]
    public async Task ATopicThatDoesNotExistIsToldAndItsEndpointBeginsWhenItIsThere()
    {
        var kafka = await SharedServers.Kafka;
        var topic = $"test-{Guid.NewGuid():N}";
        ConcurrentQueue<string> handled = new();
        await using var bus = Bus(kafka, topic, handle: context =>
        {
            handled.Enqueue(context.Message.OrderId);
            return Task.CompletedTask;
        });
        var starting = bus.StartAsync();

        await Eventually.TrueAsync(() => bus.Health(topic).Description == $"topic {topic} does not exist");
        Assert.That(bus.Health().Status, Is.Not.EqualTo(BusHealthStatus.Healthy));

        await TestTopics.CreateAsync(kafka, name: topic);
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));
        await starting;
        await Eventually.TrueAsync(() => handled.Contains("1"));
        await Eventually.TrueAsync(() => bus.Health().Status == BusHealthStatus.Healthy);
    }

    [Test]
    public async Task AMissingTopicIsCreatedWhereTheEndpointWantsIt()
    {
        var kafka = await SharedServers.Kafka;

        // The mock cluster does not answer CreateTopics.
        kafka.RequireReal();
        var topic = $"test-{Guid.NewGuid():N}";
        await using var bus = Bus(kafka, topic, endpoint => endpoint.CreateIfMissing(options => options.NumPartitions = 3));

        await bus.StartAsync();

        await Eventually.TrueAsync(() => bus.Health().Status == BusHealthStatus.Healthy);
        Assert.That(TestTopics.PartitionsOf(kafka, topic), Has.Count.EqualTo(3));
        Assert.That(TestTopics.PartitionsOf(kafka, $"{topic}.dead-letter"), Has.Count.EqualTo(3));
    }

    [Test]
    public async Task AMissingDeadLetterTopicIsCreatedBesideATopicThatIsThere()
    {
        var kafka = await SharedServers.Kafka;
        kafka.RequireReal();
        var topic = $"test-{Guid.NewGuid():N}";
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = 1, ReplicationFactor = 1 }]);
        await using var bus = Bus(kafka, topic, endpoint => endpoint.CreateIfMissing());

        await bus.StartAsync();

        await Eventually.TrueAsync(() => TestTopics.PartitionsOf(kafka, $"{topic}.dead-letter").Count == 1);
    }

    [Test]
    public async Task AFatalErrorIsToldAsWhatItIs()
    {
        var kafka = await SharedServers.Kafka;
        kafka.RequireReal();
        var topic = await TestTopics.CreateAsync(kafka);
        Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>> only = endpoint => endpoint.GroupInstanceId = "only";
        await using var one = Bus(kafka, topic, only);
        await one.StartAsync();

        // Members of one name throw each other out.
        await using var other = Bus(kafka, topic, only);
        await other.StartAsync();

        await Eventually.TrueAsync(() => one.Health(topic).Exception is KafkaException { Error.Code: ErrorCode.FencedInstanceId });
    }

    [Test]
    public async Task ABrokerThatIsLostIsToldAndSoIsItsReturn()
    {
        await using var kafka = await TestServers.StartKafkaAsync();
        kafka.RequireStoppable();
        var topic = await TestTopics.CreateAsync(kafka);
        await using var bus = Bus(kafka, topic);
        await bus.StartAsync();
        await Eventually.TrueAsync(() => bus.Health().Status == BusHealthStatus.Healthy);

        await kafka.KillAsync();
        await Eventually.TrueAsync(() => bus.Health(topic).Description?.StartsWith("no broker answers", StringComparison.Ordinal) == true);
        Assert.That(bus.Health().Status, Is.Not.EqualTo(BusHealthStatus.Healthy));
        await kafka.StartAsync();
        await Eventually.TrueAsync(() => bus.Health().Status == BusHealthStatus.Healthy);

        // One that is there and does not answer is no better.
        await kafka.PauseAsync();
        await Eventually.TrueAsync(() => bus.Health().Status != BusHealthStatus.Healthy);
        await kafka.ResumeAsync();
        await Eventually.TrueAsync(() => bus.Health().Status == BusHealthStatus.Healthy);
    }

    [Test]
    public async Task WhatIsBehindRetriedRebalancedAndNotCommittedIsMeasured()
    {
        var kafka = await SharedServers.Kafka;
        var topic = await TestTopics.CreateAsync(kafka);
        ConcurrentDictionary<string, double> values = new();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "KafkaRider")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.Start();
        var release = new TaskCompletionSource();
        var attempts = 0;
        await using var bus = Bus(
            kafka,
            topic,
            endpoint =>
            {
                endpoint.UseMessageRetry(retry => retry.Immediate(1));
                endpoint.ConcurrentMessageLimit = 10;
                endpoint.CheckpointInterval = TimeSpan.FromHours(1);
            },
            context => context.Message.OrderId switch
            {
                "slow" => release.Task,
                "twice" when Interlocked.Increment(ref attempts) == 1 => throw new InvalidOperationException("Once more."),
                _ => Task.CompletedTask,
            });
        await bus.StartAsync();
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("1", "slow", "twice"));

        // The second one and what comes after it are not done.
        await ReadsAsync("kafka_rider.lag", lag => lag >= 2);
        await ReadsAsync("kafka_rider.records.handled", handled => handled >= 2);
        await ReadsAsync("kafka_rider.commit.age", age => age > 0);
        await ReadsAsync("kafka_rider.records.retried", retried => retried >= 1);
        await ReadsAsync("kafka_rider.rebalances", rebalances => rebalances >= 1);
        release.SetResult();
        await ReadsAsync("kafka_rider.lag", lag => lag < 1);

        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.ToArray().Contains(new KeyValuePair<string, object?>("topic", topic)))
            {
                values.AddOrUpdate(instrument.Name, value, (_, before) => instrument.IsObservable ? value : before + value);
            }
        }

        Task ReadsAsync(string instrument, Func<double, bool> expected) => Eventually.TrueAsync(
            () =>
            {
                listener.RecordObservableInstruments();
                return values.TryGetValue(instrument, out var value) && expected(value);
            },
            instrument);
    }

    private RiderBus Bus(
        KafkaServer kafka,
        string topic,
        Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>>? configure = null,
        Func<ConsumeContext<Order>, Task>? handle = null) => new(rider => rider.UsingKafka((_, k) =>
        {
            k.Host(kafka.Bootstrap);
            k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint =>
            {
                configure?.Invoke(endpoint);
                endpoint.Handler<Order>(context => handle?.Invoke(context) ?? Task.CompletedTask);
            });
        }));
}
