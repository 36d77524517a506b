using System.Globalization;
using Confluent.Kafka;
using ProductCache.Chaos;
using ProductCache.Contracts;
using ProductCache.Standalone;

namespace ProductCache.UnitTests.Chaos;

/// <summary>On the embedded cluster, which is in this process.</summary>
public sealed class EventLogTests
{
    private const int Count = 7_000;

    // A record of a kilobyte: the cluster keeps about 5 MiB of a partition.
    private static readonly string Padding = new('x', 1_000);

    private EmbeddedKafka kafka = null!;

    [SetUp]
    public void SetUp() => kafka = new EmbeddedKafka(Topics.All);

    [TearDown]
    public void TearDown() => kafka.Dispose();

    [Test]
    public async Task WhatTheClusterForgotBeforeItWasReadIsCounted()
    {
        Produce(1, Count);
        await using var log = EventLog.Start(kafka.Bootstrap, new BuiltInTables(), new RunClock());

        var (events, forgotten) = await log.EndAsync(CancellationToken.None);

        Assert.That(forgotten, Has.Count.EqualTo(1));
        Assert.That(forgotten[0].Partition, Is.EqualTo(1));
        Assert.That(forgotten[0].Count, Is.GreaterThan(0));
        Assert.That(events.Count + forgotten[0].Count, Is.EqualTo(Count));
        Assert.That(events.Select(read => read.Version), Is.Ordered.And.Some.EqualTo(Count));
        Assert.That(events, Has.All.Matches<ProductEvent>(read => read.Partition == 1));
    }

    [Test]
    public async Task EventsOfEveryPartitionAreReadToTheirEnds()
    {
        Produce(0, 10);
        await using var log = EventLog.Start(kafka.Bootstrap, new BuiltInTables(), new RunClock());
        Produce(0, 10);
        Produce(3, 5);

        var (events, forgotten) = await log.EndAsync(CancellationToken.None);

        Assert.That(events, Has.Count.EqualTo(25));
        Assert.That(forgotten, Is.Empty);
    }

    private void Produce(int partition, int count)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).SetLogHandler((_, _) => { }).Build();
        for (var version = 1; version <= count; version++)
        {
            var value = string.Create(CultureInfo.InvariantCulture, $$"""{"productId":7,"version":{{version}},"kind":"upserted","padding":"{{Padding}}"}""");
            producer.Produce(new TopicPartition(Topics.ProductChanges, partition), new Message<Null, string> { Value = value });
        }

        producer.Flush(CancellationToken.None);
    }
}
