using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What a consumer produces to a topic.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderOutboxTests(KafkaKind kind)
{
    private const string Fails = "fails";
    private const string Last = "last";

    private KafkaServer kafka = null!;
    private string source = null!;
    private string target = null!;
    private RiderBus? bus;

    [SetUp]
    public async Task CreateTopicsAsync()
    {
        kafka = await kind.StartAsync();
        source = await TestTopics.CreateAsync(kafka);
        target = await TestTopics.CreateAsync(kafka);
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
    public async Task WithAnInMemoryOutboxNothingIsProducedByAConsumerThatFails()
    {
        await StartAsync(outbox: true);

        await ProduceAsync(Fails, Last);

        Assert.That(await ForwardedUntilLastAsync(), Is.EqualTo(new[] { Last }));
    }

    [Test]
    public async Task WithoutAnOutboxEveryTryProduces()
    {
        await StartAsync(outbox: false);

        await ProduceAsync(Fails, Last);

        Assert.That(await ForwardedUntilLastAsync(), Is.EqualTo(new[] { Fails, Fails, Fails, Last }));
    }

    [Test]
    public async Task WhatAConsumerProducesBelongsToTheConversation([Values] bool outbox)
    {
        await StartAsync(outbox);
        var (conversation, correlation) = (Guid.NewGuid(), Guid.NewGuid());

        await ProduceAsync(
            [Last],
            Pipe.Execute<KafkaSendContext<string, Order>>(context => (context.ConversationId, context.CorrelationId) = (conversation, correlation)));

        var record = (await TestTopics.ReadAsync(kafka, target, 1))[0];
        Assert.That(record.Header("ConversationId"), Is.EqualTo($"{conversation}"));
        Assert.That(record.Header("InitiatorId"), Is.EqualTo($"{correlation}"));
    }

    private async Task StartAsync(bool outbox)
    {
        bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(target);
            rider.AddConsumer<Forwarding>();
            rider.UsingKafka((context, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<string, Order>(source, RiderApplication.Config($"group-{Guid.NewGuid():N}"), endpoint =>
                {
                    endpoint.UseMessageRetry(retry => retry.Immediate(2));
                    if (outbox)
                    {
                        endpoint.UseInMemoryOutbox(context);
                    }

                    endpoint.ConfigureConsumer<Forwarding>(context);
                });
            });
        });
    }

    private Task ProduceAsync(params string[] ids) => ProduceAsync(ids, Pipe.Empty<KafkaSendContext<string, Order>>());

    // One key, so that the last one is consumed last.
    private Task ProduceAsync(string[] ids, IPipe<KafkaSendContext<string, Order>> pipe) => bus!.InScopeAsync<ITopicProducerProvider>(async producers =>
    {
        var producer = producers.GetProducer<string, Order>(new Uri($"topic:{source}"));
        foreach (var id in ids)
        {
            await producer.Produce("key", new Order { OrderId = id }, pipe);
        }
    });

    private async Task<IEnumerable<string>> ForwardedUntilLastAsync()
    {
        for (var count = 1; ; count++)
        {
            var ids = (await TestTopics.ReadAsync(kafka, target, count))
                .Select(record => System.Text.Json.JsonDocument.Parse(record.Message.Value!).RootElement.GetProperty("orderId").GetString()!)
                .ToList();
            if (ids.Contains(Last))
            {
                return ids;
            }
        }
    }

    /// <summary>Produces what it consumes, and then fails with some of it.</summary>
    private sealed class Forwarding(ITopicProducer<string, Order> producer) : IConsumer<Order>
    {
        public async Task Consume(ConsumeContext<Order> context)
        {
            await producer.Produce("key", context.Message);
            if (context.Message.OrderId == Fails)
            {
                throw new InvalidOperationException("It fails.");
            }
        }
    }
}
