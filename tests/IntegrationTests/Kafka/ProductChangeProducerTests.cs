using System.Text;
using System.Text.Json.Nodes;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.IntegrationTests.Postgres;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Kafka;

/// <summary>The way of changes to a broker, on topics of their own.</summary>
public sealed class ProductChangeProducerTests
{
    /// <summary>Less than any change takes.</summary>
    private const int TooSmall = 100;

    private static readonly DateTimeOffset Time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private KafkaServer kafka = null!;

    [OneTimeSetUp]
    public async Task FindKafkaAsync() => kafka = await SharedServers.Kafka;

    [Test]
    public async Task AChangeIsARecordWithTheProductForItsKey()
    {
        var topic = await TestTopics.CreateAsync(kafka);
        await using var publisher = await Publisher.StartAsync(kafka.Bootstrap, topic);

        var refused = await publisher.Changes.PublishAsync([new RecordedChange("42", 7, Deleted: false, Time), new RecordedChange("43", 8, Deleted: true, Time)], default);

        Assert.That(refused, Is.Empty);
        var records = (await TestTopics.ReadAsync(kafka, topic, 2)).ToDictionary(
            record => Encoding.UTF8.GetString(record.Message.Key!), record => JsonNode.Parse(record.Message.Value)!);
        Assert.That(records.Keys, Is.EquivalentTo(new[] { "42", "43" }));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(JsonNode.DeepEquals(records["42"], JsonNode.Parse("""{"productId":42,"version":7,"kind":"upserted","changedAt":"2026-01-02T03:04:05+00:00"}""")), Is.True, () => records["42"].ToJsonString());
            Assert.That(JsonNode.DeepEquals(records["43"], JsonNode.Parse("""{"productId":43,"version":8,"kind":"deleted","changedAt":"2026-01-02T03:04:05+00:00"}""")), Is.True, () => records["43"].ToJsonString());
        }
    }

    [Test]
    public async Task WhatTheTopicDoesNotTakeIsRefusedWithTheReason()
    {
        await using var publisher = await Publisher.StartAsync(kafka.Bootstrap, await TinyTopicAsync());
        RecordedChange[] changes = [new("1", 1, Deleted: false, Time), new("2", 2, Deleted: true, Time)];

        var refused = await publisher.Changes.PublishAsync(changes, default);

        Assert.That(refused.Select(refusal => refusal.Change), Is.EquivalentTo(changes));
        Assert.That(refused.Select(refusal => refusal.Reason), Is.All.Contains("too large"));
    }

    [Test]
    public async Task AChangeThatTheTopicDoesNotTakeIsParkedAndThoseBehindItArePublished()
    {
        await using var database = await TestDatabase.CreateMigratedAsync();
        var outbox = new ChangeOutbox(database.DataSource);
        await using var tiny = await Publisher.StartAsync(kafka.Bootstrap, await TinyTopicAsync());
        await database.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");
        Assert.That(await RelayAsync(outbox, tiny), Is.EqualTo(new RelayChangesResult(Taken: 1, Published: 0, Parked: 1)));

        var topic = await TestTopics.CreateAsync(kafka);
        await using var publisher = await Publisher.StartAsync(kafka.Bootstrap, topic);
        await database.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (2, 'Tea', 1)");
        Assert.That(await RelayAsync(outbox, publisher), Is.EqualTo(new RelayChangesResult(Taken: 1, Published: 1, Parked: 0)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Encoding.UTF8.GetString((await TestTopics.ReadAsync(kafka, topic, 1))[0].Message.Key!), Is.EqualTo("2"));
            Assert.That(await database.QueryAsync<long>("SELECT product_id FROM product_changes_parked"), Is.EqualTo(1));
            Assert.That(await database.QueryAsync<string>("SELECT reason FROM product_changes_parked"), Does.Contain("too large"));
            Assert.That(await database.QueryAsync<long>("SELECT count(*) FROM product_changes"), Is.Zero);
        }
    }

    [Test]
    public async Task ABrokerThatIsAwayIsUnavailableAndTheChangesStay()
    {
        await using var database = await TestDatabase.CreateMigratedAsync();
        var outbox = new ChangeOutbox(database.DataSource);
        await using var publisher = await Publisher.StartAsync("127.0.0.1:1", "nowhere");
        await database.ExecuteAsync("INSERT INTO products (id, name, price) VALUES (1, 'Tea', 1)");

        var failure = Assert.ThrowsAsync<UnavailableException>(() => RelayAsync(outbox, publisher));

        Assert.That(failure!.Dependency, Is.EqualTo(Dependency.Broker));
        Assert.That((await outbox.MeasureAsync(default)).Depth, Is.EqualTo(1));
    }

    private static Task<RelayChangesResult> RelayAsync(ChangeOutbox outbox, Publisher publisher) =>
        new RelayChangesHandler(outbox, publisher.Changes).Handle(new RelayChanges(ChangeLane.Single), default);

    private async Task<string> TinyTopicAsync()
    {
        if (kafka.ClientSettings.Count > 0)
        {
            Assert.Ignore($"{kafka.Description} does not limit the size of records.");
        }

        return await TestTopics.CreateAsync(kafka, maxMessageBytes: TooSmall);
    }

    /// <summary>The adapter over a bus that has nothing else.</summary>
    private sealed class Publisher : IAsyncDisposable
    {
        private readonly ServiceProvider services;

        private Publisher(ServiceProvider services)
        {
            this.services = services;
            Changes = new ProductChangeProducer(services.GetRequiredService<IServiceScopeFactory>(), TimeProvider.System);
        }

        public ProductChangeProducer Changes { get; }

        public static async Task<Publisher> StartAsync(string bootstrap, string topic)
        {
            var collection = TestServices.New();
            collection.AddMassTransit(bus =>
            {
                bus.DisableUsageTelemetry();
                bus.UsingInMemory();
                bus.AddRider(rider =>
                {
                    rider.AddProducer<string, ProductChanged>(topic);
                    rider.UsingKafka((_, host) => host.Host(bootstrap));
                });
            });
            var services = collection.BuildServiceProvider();
            await services.GetRequiredService<IBusControl>().StartAsync();
            return new Publisher(services);
        }

        public async ValueTask DisposeAsync()
        {
            await services.GetRequiredService<IBusControl>().StopAsync();
            await services.DisposeAsync();
        }
    }
}
