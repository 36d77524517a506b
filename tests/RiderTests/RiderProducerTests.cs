using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>The ways to produce, and what a consumer without keys makes of the records.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderProducerTests(KafkaKind kind)
{
    private KafkaServer kafka = null!;
    private string topic = null!;
    private RiderBus? bus;
    private ConcurrentQueue<ConsumeContext<Order>> received = null!;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await kind.StartAsync();
        topic = await TestTopics.CreateAsync(kafka);
        received = new ConcurrentQueue<ConsumeContext<Order>>();
    }

    [TearDown]
    public async Task StopAsync()
    {
        // None: the test was skipped.
        if (bus is not null)
        {
            await bus.DisposeAsync();
        }
    }

    [Test]
    public async Task ARecordMayHaveNoKey()
    {
        await StartAsync(rider => rider.AddProducer<Order>(topic));

        await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(new Order { OrderId = "1" }));

        Assert.That((await TestTopics.ReadAsync(kafka, topic, 1))[0].Message.Key, Is.Null);
        Assert.That((await ReceivedAsync()).Message.OrderId, Is.EqualTo("1"));
    }

    [Test]
    public async Task TheKeyMayBeMadeOfTheMessage()
    {
        await StartAsync(rider => rider.AddProducer<string, Order>(topic, context => $"order-{context.Message.OrderId}-{context.Headers.Get<string>("tenant")}"));

        await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(
            new Order { OrderId = "1" }, Pipe.Execute<KafkaSendContext<Order>>(context => context.Headers.Set("tenant", "acme"))));

        Assert.That(Encoding.UTF8.GetString((await TestTopics.ReadAsync(kafka, topic, 1))[0].Message.Key!), Is.EqualTo("order-1-acme"));
    }

    [Test]
    public async Task AMessageMayBeMadeOfAnyObject()
    {
        await StartAsync(rider => rider.AddProducer<string, Order>(topic, context => context.Message.OrderId));

        await ProducerAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new { OrderId = "1", Amount = 12.5m, __Header_Tenant = "acme" }));
        await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(new { OrderId = "2", Amount = 1 }));

        await Eventually.TrueAsync(() => received.Count == 2);
        Assert.That(received.Select(context => context.Message), Is.EquivalentTo(new[] { new Order { OrderId = "1", Amount = 12.5m }, new Order { OrderId = "2", Amount = 1 } }));
        Assert.That(received.Single(context => context.Message.OrderId == "1").Headers.Get<string>("Tenant"), Is.EqualTo("acme"));
    }

    [Test]
    public async Task ATopicMayBeNamedAtRunTime()
    {
        await StartAsync(_ => { });

        await ProducerAsync<ITopicProducerProvider>(provider => provider.GetProducer<Order>(new Uri($"topic:{topic}")).Produce(new Order { OrderId = "1" }));
        await ProducerAsync<ITopicProducerProvider>(provider =>
            provider.GetProducer<long, Order>(new Uri($"topic:{topic}"), _ => 5L).Produce(new Order { OrderId = "2" }));

        var records = await TestTopics.ReadAsync(kafka, topic, 2);
        Assert.That(records.Select(record => record.Message.Key is { } key ? Convert.ToHexString(key) : null), Is.EquivalentTo(new[] { null, "0000000000000005" }));
    }

    // The package has only the pipe of all producers.
    [Test]
    public async Task AProducerMayHaveAPipeOfItsOwn()
    {
        await StartAsync(rider => rider.AddProducer<Order>(topic, (context, producer) =>
        {
            producer.ConfigureSend(pipe => pipe.UseExecute(send => send.Headers.Set("tenant", "acme")));
            producer.UseSendFilter(typeof(Stamp<>), context);
        }));

        await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(new Order { OrderId = "1" }));

        var headers = (await ReceivedAsync()).Headers;
        Assert.That(headers.Get<string>("tenant"), Is.EqualTo("acme"));
        Assert.That(headers.Get<string>("stamp"), Is.EqualTo("Order"));
    }

    [Test]
    public async Task WhatIsProducedPassesThroughTheConfiguredPipe()
    {
        await StartAsync(
            rider => rider.AddProducer<Order>(topic),
            (context, k) =>
            {
                k.ConfigureSend(pipe => pipe.UseExecute(send => send.Headers.Set("tenant", "acme")));
                k.UseSendFilter(typeof(Stamp<>), context);
            });

        await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(new Order { OrderId = "1" }));

        var headers = (await ReceivedAsync()).Headers;
        Assert.That(headers.Get<string>("tenant"), Is.EqualTo("acme"));
        Assert.That(headers.Get<string>("stamp"), Is.EqualTo("Order"));
    }

    [Test]
    public async Task ATraceGoesOnInTheConsumer()
    {
        Activity? consuming = null;
        var trace = ActivityTraceId.CreateRandom();
        using var source = new ActivitySource("Test");

        // The other tests of this process have traces of their own, or none.
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name == "MassTransit" || heard == source,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Source == source || options.Parent.TraceId == trace ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStarted = activity => consuming = activity.Kind == ActivityKind.Consumer && activity.TraceId == trace ? activity : consuming,
        };
        ActivitySource.AddActivityListener(listener);
        await StartAsync(rider => rider.AddProducer<Order>(topic));

        // Once by our own producer, once by one that knows the standard header only.
        using (var activity = source.StartActivity()!)
        {
            trace = activity.TraceId;
            activity.TraceStateString = "vendor=1";
            await ProducerAsync<ITopicProducer<Order>>(producer => producer.Produce(new Order { OrderId = "1" }));
            await ReceivedAsync();
            Assert.That(consuming, Is.Not.Null);
            var record = (await TestTopics.ReadAsync(kafka, topic, 1))[0];
            Assert.That(record.Header("traceparent"), Does.StartWith($"00-{activity.TraceId}-").And.EqualTo(record.Header("MT-Activity-Id")));
            Assert.That(record.Header("tracestate"), Is.EqualTo("vendor=1"));
        }

        received.Clear();
        consuming = null;
        trace = ActivityTraceId.CreateRandom();
        await PlainAsync("""{"orderId":"2"}""", ("traceparent", $"00-{trace}-b7ad6b7169203331-01"));
        await ReceivedAsync();
        Assert.That(consuming, Is.Not.Null);
    }

    [TestCase("traceparent", "vendor=1")]
    [TestCase("MT-Activity-Id", null)]
    public async Task TheStateOfATraceGoesOnWithIt(string header, string? state)
    {
        var trace = ActivityTraceId.CreateRandom();
        string? found = null;

        // The other tests of this process have traces of their own, or none.
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "MassTransit",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == trace ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(listener);
        await StartAsync(_ => { }, consume: _ => found = Activity.Current?.TraceStateString);

        // The state of one trace is none of another that MassTransit's own header names.
        await PlainAsync(
            """{"orderId":"1"}""",
            (header, $"00-{trace}-b7ad6b7169203331-01"),
            ("traceparent", $"00-{ActivityTraceId.CreateRandom()}-b7ad6b7169203331-01"),
            ("tracestate", "vendor=1"));
        await ReceivedAsync();

        Assert.That(found, Is.EqualTo(state));
    }

    [Test]
    public async Task ARecordWithoutAnIdHasTheSameOneAtEveryDelivery()
    {
        await StartAsync(_ => { });
        await PlainAsync("""{"orderId":"1"}""");
        await PlainAsync("""{"orderId":"2"}""");
        await Eventually.TrueAsync(() => received.Count == 2);
        var first = received.ToDictionary(context => context.Message.OrderId, context => context.MessageId);

        await StopAsync();
        received.Clear();
        await StartAsync(_ => { });
        await Eventually.TrueAsync(() => received.Count == 2);

        Assert.That(received.ToDictionary(context => context.Message.OrderId, context => context.MessageId), Is.EquivalentTo(first));
        Assert.That(first.Values, Is.Unique.And.None.Null);
        Assert.That(first.Values.Select(id => id!.Value.Version), Is.All.EqualTo(8));
    }

    [Test]
    public async Task ASecondProducerWithoutAKeyForOneTypeIsRefused()
    {
        await StartAsync(rider =>
        {
            rider.AddProducer<Order>(topic);
            Assert.That(() => rider.AddProducer<string, Order>("another", _ => "k"), Throws.TypeOf<ConfigurationException>());
        });
    }

    // A group of its own at each start, so that all records are delivered again.
    private async Task StartAsync(
        Action<IRiderRegistrationConfigurator> addProducers,
        Action<IRiderRegistrationContext, IKafkaFactoryConfigurator>? configure = null,
        Action<ConsumeContext<Order>>? consume = null)
    {
        bus = await RiderBus.StartAsync(rider =>
        {
            addProducers(rider);
            rider.UsingKafka((context, k) =>
            {
                k.Host(kafka.Bootstrap);
                configure?.Invoke(context, k);
                k.TopicEndpoint<Order>(topic, RiderApplication.Config($"group-{Guid.NewGuid():N}"), endpoint => endpoint.Handler<Order>(context =>
                {
                    consume?.Invoke(context);
                    received.Enqueue(context);
                    return Task.CompletedTask;
                }));
            });
        });
    }

    private Task ProducerAsync<T>(Func<T, Task> produceAsync)
        where T : notnull => bus!.InScopeAsync(produceAsync);

    private async Task<ConsumeContext<Order>> ReceivedAsync()
    {
        await Eventually.TrueAsync(() => !received.IsEmpty);
        return received.First();
    }

    // As a program without MassTransit produces.
    private async Task PlainAsync(string value, params (string Name, string Value)[] headers)
    {
        using var producer = new ProducerBuilder<Confluent.Kafka.Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        var message = new Message<Confluent.Kafka.Null, string> { Value = value, Headers = [] };
        foreach (var (name, text) in headers)
        {
            message.Headers.Add(name, Encoding.UTF8.GetBytes(text));
        }

        await producer.ProduceAsync(topic, message);
    }

    /// <summary>Says of every message what it is.</summary>
    private sealed class Stamp<T> : IFilter<SendContext<T>>
        where T : class
    {
        public Task Send(SendContext<T> context, IPipe<SendContext<T>> next)
        {
            context.Headers.Set("stamp", typeof(T).Name);
            return next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("stamp");
    }
}
