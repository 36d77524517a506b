using System.Collections.Concurrent;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>Endpoints and producers that come earlier, later or otherwise than others.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderEndpointTests
{
    private readonly ConcurrentQueue<string> handled = new();
    private readonly string group = $"group-{Guid.NewGuid():N}";
    private KafkaServer kafka = null!;
    private string topic = null!;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await SharedServers.Kafka;
        topic = await TestTopics.CreateAsync(kafka);
    }

    [Test]
    public async Task WhatIsProducedBeforeTheBusHasStartedWaitsForIt()
    {
        await using var bus = new RiderBus(rider =>
        {
            rider.AddProducer<string, Order>(topic);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        var producing = bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new Order { OrderId = "early" }));
        using var impatience = new CancellationTokenSource();
        var impatient = bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new Order { OrderId = "never" }, impatience.Token));
        await impatience.CancelAsync();
        Assert.That(() => impatient, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(producing.IsCompleted, Is.False);

        await bus.StartAsync();
        await producing;

        Assert.That((await TestTopics.ReadAsync(kafka, topic, 1)).Select(record => record.Key()), Is.EqualTo(new[] { "k" }));
    }

    [Test]
    public async Task AfterTheBusHasStoppedNothingIsProduced()
    {
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(topic);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        await bus.StopAsync();

        var failure = Assert.ThrowsAsync<KafkaException>(() =>
            bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new Order { OrderId = "late" })));
        Assert.That(failure!.Message, Does.Contain("The bus was stopped"));
    }

    [Test]
    public async Task AProducerThatIsKeptProducesWheneverTheBusRuns()
    {
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(topic);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        await using var scope = bus.Services.CreateAsyncScope();
        ITopicProducer<string, Order>[] producers =
        [
            scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>(),
            scope.ServiceProvider.GetRequiredService<ITopicProducerProvider>().GetProducer<string, Order>(new Uri($"topic:{topic}")),
        ];
        Task ProduceAsync(string key) => Task.WhenAll(producers.Select(producer => producer.Produce(key, new Order { OrderId = key })));
        await ProduceAsync("first");

        await bus.StopAsync();
        var late = producers.Select(producer => producer.Produce("late", new Order { OrderId = "late" })).ToList();
        foreach (var produce in late)
        {
            Assert.That(() => produce, Throws.TypeOf<KafkaException>().With.Message.Contains("The bus was stopped"));
        }

        await bus.StartAsync();
        await ProduceAsync("again");
        Assert.That(
            (await TestTopics.ReadAsync(kafka, topic, 4)).Select(record => record.Key()),
            Is.EquivalentTo(new[] { "first", "first", "again", "again" }));
    }

    [Test]
    public async Task AStopThatIsGivenUpIsTheEndOfProducersToo()
    {
        var (begun, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<string, Order>(topic);
            rider.UsingKafka((_, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint => endpoint.Handler<Order>(_ =>
                {
                    begun.TrySetResult();
                    return release.Task;
                }));
            });
        });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));
        await begun.Task;

        // The handler goes on.
        await bus.StopAsync(TimeSpan.Zero);

        var failure = Assert.ThrowsAsync<KafkaException>(() =>
            bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", new Order { OrderId = "late" })));
        Assert.That(failure!.Message, Does.Contain("The bus was stopped"));
        release.SetResult();
    }

    [Test]
    public async Task AProducerMayHaveSettingsOfItsOwn()
    {
        await using var bus = await RiderBus.StartAsync(rider =>
        {
            rider.AddProducer<int, Order>(topic, new ProducerConfig { MessageMaxBytes = 2_000 });
            rider.AddProducer<string, Order>(topic);
            rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
        });
        var large = new Order { OrderId = new string('x', 3_000) };

        await bus.InScopeAsync<ITopicProducer<string, Order>>(producer => producer.Produce("k", large));
        var failure = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() =>
            bus.InScopeAsync<ITopicProducer<int, Order>>(producer => producer.Produce(1, large)));

        Assert.That(failure!.Error.Code, Is.EqualTo(ErrorCode.MsgSizeTooLarge));
    }

    [Test]
    public async Task AnEndpointMayComeAndGoWhileTheBusRuns()
    {
        await using var bus = await RiderBus.StartAsync(rider => rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap)));
        var rider = bus.Services.GetRequiredService<IKafkaRider>();
        var handle = rider.ConnectTopicEndpoint<string, Order>(topic, RiderApplication.Config(group), (_, endpoint) => Handle(endpoint));
        await handle.Ready;
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));
        await Eventually.TrueAsync(() => handled.Count == 1);
        Assert.That(
            () => rider.ConnectTopicEndpoint<string, Order>(topic, RiderApplication.Config(group), (_, endpoint) => Handle(endpoint)),
            Throws.TypeOf<ConfigurationException>());

        await handle.StopAsync(CancellationToken.None);
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("2"));
        Assert.That(bus.Health().Endpoints.Keys, Has.None.Contains(topic));

        // And come again.
        var again = rider.ConnectTopicEndpoint<string, Order>(topic, RiderApplication.Config(group), (_, endpoint) => Handle(endpoint));
        await again.Ready;
        await Eventually.TrueAsync(() => handled.Count == 2);
        Assert.That(handled, Is.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task AnEndpointMayBeginAtAnOffsetWhateverIsCommitted()
    {
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("0", "1", "2"));
        await using (await StartAsync())
        {
            await TestTopics.CommittedReachesAsync(kafka, topic, group, 3);
        }

        await using var bus = await StartAsync(endpoint => endpoint.Offset = 1);
        await Eventually.TrueAsync(() => handled.Count == 5);
        Assert.That(handled, Is.EqualTo(new[] { "0", "1", "2", "1", "2" }));
    }

    [Test]
    public async Task APartitionIsNotReadFurtherBeyondAnUnfinishedRecordThanTheMessageLimit()
    {
        const int limit = 50;
        var release = new TaskCompletionSource();
        await using var bus = await StartAsync(
            endpoint =>
            {
                endpoint.MessageLimit = limit;
                endpoint.ConcurrentMessageLimit = 10;
            },
            context => context.Message.OrderId == "slow" ? release.Task : Task.CompletedTask);
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, [Records.Order("slow", "slow"), .. Records.Orders(Enumerable.Range(0, 200).Select(n => $"{n}"))]);

        await Eventually.TrueAsync(() => handled.Count == limit - 1);
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Order("last", "last"));
        Assert.That(handled, Has.Count.EqualTo(limit - 1));

        release.SetResult();
        await Eventually.TrueAsync(() => handled.Count == 202);
        Assert.That(handled, Is.Unique);
    }

    [Test]
    public async Task ASendFilterHasTheScopeOfTheConsumer()
    {
        var target = await TestTopics.CreateAsync(kafka);
        await using var bus = await RiderBus.StartAsync(
            rider =>
            {
                rider.AddProducer<string, Order>(target);
                rider.AddConsumer<Forwarding>();
                rider.UsingKafka((context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.UseSendFilter(typeof(Stamp<>), context);
                    k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint => endpoint.ConfigureConsumer<Forwarding>(context));
                });
            },
            services => services.AddScoped<ScopeName>());

        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("1"));

        var record = (await TestTopics.ReadAsync(kafka, target, 1))[0];
        Assert.That(record.Header("scope"), Is.EqualTo(record.Key()));
    }

    private Task<RiderBus> StartAsync(
        Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>>? configure = null, Func<ConsumeContext<Order>, Task>? handle = null) =>
        RiderBus.StartAsync(rider => rider.UsingKafka((_, k) =>
        {
            k.Host(kafka.Bootstrap);
            k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint =>
            {
                configure?.Invoke(endpoint);
                Handle(endpoint, handle);
            });
        }));

    private void Handle(IReceiveEndpointConfigurator endpoint, Func<ConsumeContext<Order>, Task>? handle = null) =>
        endpoint.Handler<Order>(async context =>
        {
            if (handle is not null)
            {
                await handle(context);
            }

            handled.Enqueue(context.Message.OrderId);
        });

    private sealed class ScopeName
    {
        public string Value { get; } = $"{Guid.NewGuid()}";
    }

    private sealed class Forwarding(ITopicProducer<string, Order> producer, ScopeName scope) : IConsumer<Order>
    {
        public Task Consume(ConsumeContext<Order> context) => producer.Produce(scope.Value, context.Message);
    }

    private sealed class Stamp<T>(ScopeName scope) : IFilter<SendContext<T>>
        where T : class
    {
        public Task Send(SendContext<T> context, IPipe<SendContext<T>> next)
        {
            context.Headers.Set("scope", scope.Value);
            return next.Send(context);
        }

        public void Probe(ProbeContext context)
        {
        }
    }
}
