using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>Behaviour that code written for MassTransit.Kafka relies on.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderPackageTests(KafkaKind kind)
{
    private KafkaServer kafka = null!;
    private string topic = null!;
    private string group = null!;
    private RiderBus? bus;

    public static IEnumerable<TestCaseData> Redeliveries()
    {
        yield return Of("of the endpoint", (e, _) => e.UseDelayedRedelivery(retry => retry.Interval(2, TimeSpan.FromSeconds(1))));
        yield return Of("of the endpoint, by a scheduler", (e, _) => e.UseScheduledRedelivery(retry => retry.Interval(2, TimeSpan.FromSeconds(1))));
        yield return Of(
            "of the consumer",
            (e, context) => e.ConfigureConsumer<FailingConsumer>(context, c => c.UseDelayedRedelivery(retry => retry.Interval(2, TimeSpan.FromSeconds(1)))));

        static TestCaseData Of(string name, Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>, IRiderRegistrationContext> configure) =>
            new TestCaseData(configure).SetArgDisplayNames(name);
    }

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await kind.StartAsync();
        topic = await TestTopics.CreateAsync(kafka);
        group = $"group-{Guid.NewGuid():N}";
    }

    [TearDown]
    public async Task StopAsync()
    {
        // Null: the test was skipped, or its bus was refused.
        if (bus is not null)
        {
            await bus.DisposeAsync();
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task TheAddressOfAConsumedMessageIsThatOfItsTopic(bool byPattern)
    {
        var received = new ConcurrentQueue<(Uri? Destination, Uri Input)>();
        await StartAsync(
            (_, e) => e.Handler<Order>(context =>
            {
                received.Enqueue((context.DestinationAddress, context.ReceiveContext.InputAddress));
                return Task.CompletedTask;
            }),
            endpointTopic: byPattern ? $"^{topic}$" : topic);
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1", "2"));
        await Eventually.TrueAsync(() => received.Count == 2);

        var address = new Uri($"loopback://localhost/kafka/{topic}");
        Assert.That(received, Is.All.EqualTo((address, address)));
    }

    [Test]
    public async Task WhatAConsumerProducesAndPublishesComesFromTheConsumedTopic()
    {
        var target = await TestTopics.CreateAsync(kafka);
        var published = new Published();
        await StartAsync((context, e) => e.ConfigureConsumer<ForwardingConsumer>(context), rider =>
        {
            rider.AddConsumer<ForwardingConsumer>();
            rider.AddProducer<string, Order>(target);
        });
        bus!.Services.GetRequiredService<IBus>().ConnectPublishObserver(published);
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        var record = (await TestTopics.ReadAsync(kafka, target, 1))[0];
        await Eventually.TrueAsync(() => !published.Contexts.IsEmpty);
        var message = published.Contexts.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(record.Header("SourceAddress"), Is.EqualTo($"loopback://localhost/kafka/{topic}"));
            Assert.That(message.SourceAddress, Is.EqualTo(new Uri($"loopback://localhost/kafka/{topic}")));

            // Core copies all headers of the consumed message. The record's timestamp is not one of them, and can still be read by name.
            Assert.That(message.Headers.GetAll().Select(header => header.Key), Has.None.EqualTo(MessageHeaders.TransportSentTime));
            Assert.That(message.Headers.Get<string>("read-by-name"), Is.Not.Empty);
        }
    }

    [Test]
    public async Task AHeaderWhoseValueIsNullIsThere()
    {
        var received = new ConcurrentQueue<(bool Found, object? Value, bool Listed, string? Text, string? Missing)>();
        await StartAsync((_, e) => e.Handler<Order>(context =>
        {
            var found = context.Headers.TryGetHeader("empty", out var value);
            received.Enqueue((
                found,
                value,
                context.Headers.GetAll().Any(header => header.Key == "empty" && header.Value is null),
                context.Headers.Get<string>("empty"),
                context.Headers.Get<string>("missing")));
            return context.Publish(new Forwarded(context.Message.OrderId));
        }));
        var record = Records.Order("k", "1");
        record.Headers = [new Header("empty", null), new Header("MT-Activity-Id", null), new Header("MessageId", null)];
        await TestTopics.ProduceAsync(kafka, topic, record);
        await Eventually.TrueAsync(() => !received.IsEmpty);

        Assert.That(received.Single(), Is.EqualTo((true, (object?)null, true, (string?)null, (string?)null)));
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 1);
    }

    [Test]
    public async Task AKeyThatMayBeNullIsReadAsItWasWritten()
    {
        var received = new ConcurrentQueue<int?>();
        bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<int?, Order>(topic);
            rider.UsingKafka((_, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<int?, Order>(topic, RiderApplication.Config(group), e => e.Handler<Order>(context =>
                {
                    received.Enqueue(context.GetKey<int?>());
                    return Task.CompletedTask;
                }));
            });
        });

        await bus.InScopeAsync<ITopicProducer<int?, Order>>(async producer =>
        {
            await producer.Produce(7, new Order { OrderId = "1" });
            await producer.Produce(null, new Order { OrderId = "2" });
        });

        await Eventually.TrueAsync(() => received.Count == 2);
        Assert.That(received, Is.EquivalentTo(new int?[] { 7, null }));
    }

    [TestCaseSource(nameof(Redeliveries))]
    public void RedeliveryByTheBusIsRefused(Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>, IRiderRegistrationContext> configure)
    {
        var failure = Assert.CatchAsync(() => StartAsync(
            (context, e) =>
            {
                configure(e, context);
                e.Handler<Order>(_ => Task.CompletedTask);
            },
            rider => rider.AddConsumer<FailingConsumer>()));

        Assert.That(failure!.GetBaseException(), Is.TypeOf<ConfigurationException>());
        Assert.That(failure.GetBaseException().Message, Does.Contain("UseDelayedRedelivery").And.Contain("UseMessageRetry"));
    }

    [Test]
    public async Task SendingToTheAddressOfATopicInsideAConsumerFailsTheRecord()
    {
        await StartAsync((_, e) => e.Handler<Order>(context => context.Send(new Uri($"loopback://localhost/kafka/{topic}"), context.Message)));
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        var letter = (await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0];
        Assert.That(letter.Header("dead-letter-exception"), Is.EqualTo(typeof(NotSupportedException).FullName));
        Assert.That(letter.Header("dead-letter-reason"), Does.Contain($"kafka/{topic}").And.Contain("use ITopicProducer"));
    }

    [Test]
    public async Task OtherAddressesInsideAConsumerAreThoseOfTheBus()
    {
        var addresses = new ConcurrentQueue<ISendEndpoint>();
        await StartAsync((_, e) => e.Handler<Order>(async context =>
        {
            addresses.Enqueue(await context.GetSendEndpoint(new Uri("queue:bills")));
            addresses.Enqueue(await context.GetSendEndpoint(new Uri("topic:bills")));
        }));
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 1);
        Assert.That(addresses, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task AFilterOfErrorsSeesAFaultBeforeTheRecordIsDeadLettered()
    {
        var errors = new ConcurrentQueue<string>();
        await StartAsync(
            (context, e) =>
            {
                e.ConfigureError(pipe => pipe.UseExecute(error => errors.Enqueue(error.Exception.Message)));
                e.ConfigureConsumer<FailingConsumer>(context);
            },
            rider => rider.AddConsumer<FailingConsumer>());
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        Assert.That((await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0].Header("dead-letter-reason"), Is.EqualTo("It fails: 1"));
        Assert.That(errors, Is.EqualTo(new[] { "It fails: 1" }));
    }

    [Test]
    public async Task FaultedMessagesMayBeDiscarded()
    {
        await StartAsync(
            (context, e) =>
            {
                e.DiscardFaultedMessages();
                e.ConfigureConsumer<FailingConsumer>(context);
            },
            rider => rider.AddConsumer<FailingConsumer>());
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, [.. Records.Orders("1"), Records.Of("key", "no JSON")]);

        // What cannot be read does not reach the pipe of errors.
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 2);
        var letters = await TestTopics.ReadAllAsync(kafka, $"{topic}.dead-letter");
        Assert.That(letters.Select(letter => Encoding.UTF8.GetString(letter.Message.Value!)), Is.EqualTo(new[] { "no JSON" }));
    }

    [Test]
    public async Task MessagesWithoutAConsumerMayBeDiscarded()
    {
        await StartAsync((_, e) =>
        {
            e.DiscardSkippedMessages();
            e.Handler<Forwarded>(_ => Task.CompletedTask);
        });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 1);
        Assert.That(await TestTopics.ReadAllAsync(kafka, $"{topic}.dead-letter"), Is.Empty);
    }

    [Test]
    public void AFilterOfErrorsBesideABatchConsumerIsRefused()
    {
        var failure = Assert.CatchAsync(() => StartAsync(
            (context, e) =>
            {
                e.DiscardFaultedMessages();
                e.ConfigureConsumer<BatchConsumer>(context);
            },
            rider => rider.AddConsumer<BatchConsumer>()));

        Assert.That(failure!.GetBaseException(), Is.TypeOf<ConfigurationException>());
        Assert.That(failure.GetBaseException().Message, Does.Contain("ConfigureError").And.Contain("batch"));
    }

    [Test]
    public async Task MoreThanOneConsumerIsOneConsumerAndAWarning()
    {
        var log = new RecordedLog();
        using var logging = new LoggerFactory([log]);
        LogContext.ConfigureCurrentLogContext(logging);
        var received = new ConcurrentQueue<string>();
        await StartAsync((_, e) =>
        {
            e.ConcurrentConsumerLimit = 2;
            e.Handler<Order>(context =>
            {
                received.Enqueue(context.Message.OrderId);
                return Task.CompletedTask;
            });
        });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));
        await Eventually.TrueAsync(() => !received.IsEmpty);

        Assert.That(log.LinesWithLevel, Has.One.StartsWith("Warning").And.Contains("ConcurrentConsumerLimit").And.Contains("ConcurrentMessageLimit"));
    }

    [Test]
    public async Task AnotherBusMayHaveAProducerOfTheSameMessage()
    {
        var other = await TestTopics.CreateAsync(kafka);
        bus = await RiderBus.StartAsync(
            rider =>
            {
                rider.AddProducer<Order>(topic);
                rider.AddProducer<string, Order>(topic);
                rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
            },
            services => services.AddMassTransit<UserCode.ISecondBus>(x =>
            {
                x.DisableUsageTelemetry();
                x.UsingInMemory();
                x.AddRider(rider =>
                {
                    rider.AddProducer<Order>(other);
                    rider.AddProducer<string, Order>(other);
                    Assert.That(() => rider.AddProducer<string, Order>("a third one"), Throws.TypeOf<ConfigurationException>());
                    rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
                });
            }));
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var secondBus = bus.Services.GetRequiredService<IBusInstance<UserCode.ISecondBus>>();
        await secondBus.BusControl.StartAsync(timeout.Token);

        // The producer without a bus is that of the bus which was added first: the second one here.
        await bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new Order { OrderId = "added first" }));
        var rider = bus.Services.GetRequiredService<MassTransit.DependencyInjection.Bind<IBus, IKafkaRider>>().Value;
        await rider.GetProducer<string, Order>(new Uri($"topic:{topic}")).Produce("k", new Order { OrderId = "by its rider" });
        await secondBus.BusControl.StopAsync(timeout.Token);

        Assert.That(Encoding.UTF8.GetString((await TestTopics.ReadAsync(kafka, other, 1))[0].Message.Value!), Does.Contain("added first"));
        Assert.That(Encoding.UTF8.GetString((await TestTopics.ReadAsync(kafka, topic, 1))[0].Message.Value!), Does.Contain("by its rider"));
    }

    private async Task StartAsync(
        Action<IRiderRegistrationContext, IKafkaTopicReceiveEndpointConfigurator<string, Order>> configure,
        Action<IRiderRegistrationConfigurator>? register = null,
        string? endpointTopic = null) =>
        bus = await RiderBus.StartAsync(rider =>
        {
            register?.Invoke(rider);
            rider.UsingKafka((context, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<string, Order>(endpointTopic ?? topic, RiderApplication.Config(group), e => configure(context, e));
            });
        });

    public sealed record Forwarded(string OrderId);

    private sealed class ForwardingConsumer(ITopicProducer<string, Order> producer) : IConsumer<Order>
    {
        public async Task Consume(ConsumeContext<Order> context)
        {
            await context.Publish(new Forwarded(context.Message.OrderId), publish =>
                publish.Headers.Set("read-by-name", $"{context.ReceiveContext.TransportHeaders.Get<DateTime>(MessageHeaders.TransportSentTime):O}"));
            await producer.Produce(context.GetKey<string>()!, context.Message);
        }
    }

    private sealed class FailingConsumer : IConsumer<Order>
    {
        public Task Consume(ConsumeContext<Order> context) => throw new InvalidOperationException($"It fails: {context.Message.OrderId}");
    }

    private sealed class BatchConsumer : IConsumer<Batch<Order>>
    {
        public Task Consume(ConsumeContext<Batch<Order>> context) => Task.CompletedTask;
    }

    private sealed class Published : IPublishObserver
    {
        public ConcurrentQueue<PublishContext> Contexts { get; } = new();

        public Task PrePublish<T>(PublishContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PostPublish<T>(PublishContext<T> context)
            where T : class
        {
            Contexts.Enqueue(context);
            return Task.CompletedTask;
        }

        public Task PublishFault<T>(PublishContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;
    }
}
