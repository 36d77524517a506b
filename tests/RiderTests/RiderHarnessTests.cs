using System.Text;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.RiderTests.UserCode;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests;

/// <summary>MassTransit's test harness sees what a rider produces and consumes.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderHarnessTests(KafkaKind kind)
{
    private ServiceProvider services = null!;
    private ITestHarness harness = null!;

    [TearDown]
    public async Task StopAsync()
    {
        if (services is null)
        {
            // It was skipped.
            return;
        }

        await harness.Stop();
        await services.DisposeAsync();
    }

    [Test]
    public async Task ItSeesWhatIsProducedAndWhatIsConsumedByWhom()
    {
        await StartAsync<RecordingConsumer<Order>>();
        await ProduceAsync("1");

        Assert.That(await harness.Sent.Any<Order>(sent => sent.Context.Message.OrderId == "1"), Is.True);
        Assert.That(await harness.Consumed.Any<Order>(received => received.Context.Message.OrderId == "1" && received.Exception is null), Is.True);
        Assert.That(await harness.GetConsumerHarness<RecordingConsumer<Order>>().Consumed.Any<Order>(), Is.True);
    }

    [Test]
    public async Task ItSeesWithWhatAConsumerFailed()
    {
        await StartAsync<FailingConsumer>();
        await ProduceAsync("1");

        Assert.That(await harness.Consumed.Any<Order>(received => received.Exception is InvalidOperationException), Is.True);
        Assert.That(await harness.GetConsumerHarness<FailingConsumer>().Consumed.Any<Order>(received => received.Exception is not null), Is.True);
    }

    [Test]
    public async Task ItsTopicsAreThereBeforeItStartsAndAreEmpty()
    {
        kind.RequireBroker("deletes no topics");
        var kafka = await kind.StartAsync();
        var (old, fresh) = (await TestTopics.CreateAsync(kafka), $"test-{Guid.NewGuid():N}");
        await TestTopics.ProduceAsync(kafka, old, Records.Orders("left by another test"));
        await StartAsync(
            rider =>
            {
                rider.AddProducer<Order>(old);
                rider.UsingKafka((_, _) => { });
            },
            collection => collection.ConfigureKafkaTestOptions(new Confluent.Kafka.ClientConfig { BootstrapServers = kafka.Bootstrap }, options =>
            {
                options.TopicNames = [old, fresh];
                options.Partitions = 2;
                options.CreateTopicsIfNotExists = true;
                options.CleanTopicsOnStart = true;
            }));
        await harness.GetProducer<Order>().Produce(new { OrderId = "1" });

        var admin = services.GetRequiredService<Confluent.Kafka.IAdminClient>();
        Assert.That(admin.GetMetadata(fresh, TimeSpan.FromSeconds(10)).Topics[0].Partitions, Has.Count.EqualTo(2));
        Assert.That(services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<KafkaTestHarnessHostedService>(), Has.One.Items);
        Assert.That(TestTopics.PartitionsOf(kafka, old), Has.Count.EqualTo(2));
        Assert.That(Encoding.UTF8.GetString((await TestTopics.ReadAsync(kafka, old, 1))[0].Message.Value!), Does.Contain("\"1\""));
    }

    // One consumer only: of a message the harness remembers what became of it first.
    private async Task StartAsync<TConsumer>()
        where TConsumer : class, IConsumer<Order>
    {
        var kafka = await kind.StartAsync();
        var topic = await TestTopics.CreateAsync(kafka);
        await StartAsync(
            rider =>
            {
                rider.AddConsumer<TConsumer>();

                // The harness of a consumer of the bus is there without this, that of a consumer of a rider is not.
                rider.AddConsumerContainerTestHarness<TConsumer>();
                rider.AddProducer<string, Order>(topic);
                rider.UsingKafka((context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.TopicEndpoint<string, Order>(topic, RiderApplication.Config($"group-{Guid.NewGuid():N}"), endpoint =>
                        endpoint.ConfigureConsumer<TConsumer>(context));
                });
            },
            collection => collection.AddSingleton<Deliveries>());
    }

    private async Task StartAsync(Action<IRiderRegistrationConfigurator> configure, Action<IServiceCollection> addBefore)
    {
        var collection = TestServices.New();
        addBefore(collection);
        collection.AddMassTransitTestHarness(x =>
        {
            x.DisableUsageTelemetry();
            x.SetTestTimeouts(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60));
            x.AddRider(configure);
        });
        services = collection.BuildServiceProvider();
        harness = services.GetTestHarness();
        await harness.Start();
    }

    private Task ProduceAsync(string id) => harness.GetProducer<string, Order>().Produce(id, new Order { OrderId = id });

    private sealed class FailingConsumer : IConsumer<Order>
    {
        public Task Consume(ConsumeContext<Order> context) => throw new InvalidOperationException("It fails.");
    }
}
