using System.Collections.Concurrent;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
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
