using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What the rider guarantees, on a broker.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderTests(KafkaKind kind)
{
    private KafkaServer kafka = null!;
    private string topic = null!;
    private string group = null!;

    public static IEnumerable<TestCaseData> PoisonRecords()
    {
        yield return Poison("not JSON", "{", "deserialize");
        yield return Poison("of a wrong type", """{ "orderId": 5 }""", "deserialize");
        yield return Poison("without a required member", "{}", "deserialize");
        yield return Poison("with a null for a value", "null", "deserialize");
        yield return Poison("without a value", null, "deserialize");
        yield return Poison("with an empty value", string.Empty, "deserialize");
        yield return Poison("with an id that is none", """{ "orderId": "x" }""", "deserialize", ("MessageId", "not-a-guid"));
    }

    private const int BatchLimit = 50;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await kind.StartAsync();
        topic = await TestTopics.CreateAsync(kafka);
        group = $"group-{Guid.NewGuid():N}";
    }

    [Test]
    public async Task AMessageArrivesWithItsKeyItsIdsAndItsPlace()
    {
        ConsumeContext<Order>? received = null;
        string? key = null;
        await using var application = await RiderApplication.StartAsync(kafka, topic, group, context =>
        {
            received = context;
            key = context.GetKey<string>();
            return Task.CompletedTask;
        });
        var (messageId, correlationId) = (Guid.NewGuid(), Guid.NewGuid());

        await using var scope = application.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>().Produce(
            "key-1",
            new Order { OrderId = "1", Amount = 12.5m },
            Pipe.Execute<KafkaSendContext<string, Order>>(context =>
            {
                context.MessageId = messageId;
                context.CorrelationId = correlationId;
                context.Headers.Set("tenant", "acme");
            }));
        await Eventually.TrueAsync(() => !application.Handled.IsEmpty);

        Assert.Multiple(() =>
        {
            Assert.That(key, Is.EqualTo("key-1"));
            Assert.That(received!.Message, Is.EqualTo(new Order { OrderId = "1", Amount = 12.5m }));
            Assert.That(received.MessageId, Is.EqualTo(messageId));
            Assert.That(received.CorrelationId, Is.EqualTo(correlationId));
            Assert.That(received.ConversationId, Is.Not.Null);
            Assert.That(received.Headers.Get<string>("tenant"), Is.EqualTo("acme"));
            Assert.That(received.Offset(), Is.Zero);
            Assert.That(received.Partition(), Is.Not.Null);
        });
    }

    [Test]
    public async Task ARecordIsWrittenAsThePackageWritesIt()
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await using var scope = application.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>().Produce("k", new Order { OrderId = "é<&>", Amount = 12.50m });

        var record = (await TestTopics.ReadAsync(kafka, topic, 1))[0];

        Assert.Multiple(() =>
        {
            Assert.That(Encoding.UTF8.GetString(record.Message.Key!), Is.EqualTo("k"));
            Assert.That(Encoding.UTF8.GetString(record.Message.Value!), Is.EqualTo("{\n  \"orderId\": \"é<&>\",\n  \"amount\": \"12.50\"\n}"));
            Assert.That(
                record.Message.Headers.Select(header => header.Key),
                Is.EquivalentTo(new[] { "MessageId", "ConversationId", "SourceAddress", "DestinationAddress" }));
            Assert.That(record.Header("DestinationAddress"), Is.EqualTo($"loopback://localhost/kafka/{topic}"));
            Assert.That(Guid.TryParseExact(record.Header("MessageId"), "D", out _), Is.True);
        });
    }

    [Test]
    public async Task WhatIsHandledIsCommitted()
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await application.ProduceAsync("1", "2", "3");

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 3);
        Assert.That(application.Handled, Is.EquivalentTo(new[] { "1", "2", "3" }));
    }

    [Test]
    public async Task NothingIsCommittedBeyondARecordThatIsNotDone()
    {
        var release = new TaskCompletionSource();
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            context => context.Message.OrderId == "slow" ? release.Task : Task.CompletedTask,
            endpoint =>
            {
                endpoint.ConcurrentMessageLimit = 10;
                endpoint.CheckpointMessageCount = 1;
            });
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders("first", "slow", "later-1", "later-2"));

        await Eventually.TrueAsync(() => application.Handled.Count == 3);
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 1);
        Assert.That(await TestTopics.CommittedAsync(kafka, topic, group), Is.EqualTo(1));

        release.SetResult();
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 4);
    }

    [Test]
    public async Task AStopLetsRunningHandlersFinishAndLosesAndRepeatsNothing()
    {
        const int count = 300;
        var ids = Enumerable.Range(0, count).Select(n => $"{n}").ToList();
        ConcurrentBag<string> handled = [];
        Func<ConsumeContext<Order>, Task> handle = async context =>
        {
            await Task.Yield();
            handled.Add(context.Message.OrderId);
        };
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(ids));

        var starts = 0;
        while (handled.Count < count)
        {
            Assert.That(++starts, Is.LessThan(count), "Every start makes some progress.");
            await using var application = await RiderApplication.StartAsync(kafka, topic, group, handle, endpoint => endpoint.ConcurrentMessageLimit = 4);
            var goal = Math.Min(count, handled.Count + 100);
            await Eventually.TrueAsync(() => handled.Count >= goal);
        }

        Assert.That(handled, Is.EquivalentTo(ids));
        Assert.That(await TestTopics.CommittedAsync(kafka, topic, group), Is.EqualTo(count));
    }

    [Test]
    public async Task ARecordThatAStopCutOffIsDeliveredAgain()
    {
        var application = await RiderApplication.StartAsync(kafka, topic, group, context => Task.Delay(Timeout.Infinite, context.CancellationToken));
        await application.ProduceAsync("1");
        await application.DisposeAsync();
        Assert.That(application.Handled, Is.Empty);

        await using var next = await RiderApplication.StartAsync(kafka, topic, group);
        await Eventually.TrueAsync(() => next.Handled.Contains("1"));
    }

    [TestCaseSource(nameof(PoisonRecords))]
    public async Task ARecordThatCannotBeReadGoesToTheDeadLettersAndThePartitionGoesOn(string? value, string stage, (string Key, string Value)[] headers)
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        var poison = new Message<byte[]?, byte[]?>
        {
            Key = "poison"u8.ToArray(),
            Value = value is null ? null : Encoding.UTF8.GetBytes(value),
            Headers = [.. headers.Select(header => new Header(header.Key, Encoding.UTF8.GetBytes(header.Value))), new Header("tenant", "acme"u8.ToArray())],
        };
        await TestTopics.ProduceAsync(kafka, topic, poison);
        await application.ProduceAsync("after");

        await Eventually.TrueAsync(() => application.Handled.Contains("after"));
        var letter = (await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0];
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 2);
        Assert.Multiple(() =>
        {
            Assert.That(letter.Message.Key, Is.EqualTo(poison.Key));
            Assert.That(letter.Message.Value, Is.EqualTo(poison.Value));
            Assert.That(letter.Header("tenant"), Is.EqualTo("acme"));
            Assert.That(letter.Header("dead-letter-stage"), Is.EqualTo(stage));
            Assert.That(letter.Header("dead-letter-reason"), Is.Not.Empty);
            Assert.That(letter.Header("dead-letter-exception"), Does.EndWith("Exception"));
            Assert.That(letter.Header("dead-letter-topic"), Is.EqualTo(topic));
            Assert.That(letter.Header("dead-letter-offset"), Is.EqualTo("0"));
            Assert.That(letter.Header("dead-letter-group"), Is.EqualTo(group));
        });
    }

    [TestCase(false, "value")]
    [TestCase(true, "all")]
    public async Task OfARecordThatIsTooLargeTheDeadLetterLeavesOutWhatItMust(bool inHeaders, string omitted)
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        var large = new byte[1_000_500];
        var poison = new Message<byte[]?, byte[]?>
        {
            Key = "poison"u8.ToArray(),
            Value = inHeaders ? "no json"u8.ToArray() : large,
            Headers = [new Header("tenant", inHeaders ? large : "acme"u8.ToArray())],
        };
        await TestTopics.ProduceAsync(kafka, topic, poison);
        await application.ProduceAsync("after");

        await Eventually.TrueAsync(() => application.Handled.Contains("after"));
        var letter = (await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0];
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 2);
        Assert.Multiple(() =>
        {
            Assert.That(letter.Message.Value, Is.Null);
            Assert.That(letter.Message.Key, inHeaders ? Is.Null : Is.EqualTo(poison.Key));
            Assert.That(letter.Message.Headers.TryGetLastBytes("tenant", out _), Is.Not.EqualTo(inHeaders));
            Assert.That(letter.Header("dead-letter-omitted"), Is.EqualTo(omitted));
            Assert.That(letter.Header("dead-letter-topic"), Is.EqualTo(topic));
            Assert.That(letter.Header("dead-letter-offset"), Is.EqualTo("0"));
        });
    }

    [Test]
    public async Task ARecordThatFailsAfterItsRetriesIsDeadLetteredAndCounted()
    {
        var attempts = 0;
        long counted = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "kafka_rider.records.dead_lettered")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, measurement, tags, _) =>
        {
            if (tags.ToArray().Contains(new KeyValuePair<string, object?>("topic", topic)))
            {
                Interlocked.Add(ref counted, measurement);
            }
        });
        listener.Start();
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            context => context.Message.OrderId == "bad" && Interlocked.Increment(ref attempts) > 0
                ? throw new InvalidOperationException("no such customer")
                : Task.CompletedTask,
            endpoint => endpoint.UseMessageRetry(retry => retry.Immediate(2)));
        await application.ProduceAsync("bad", "good");

        var letter = (await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1))[0];
        await TestTopics.CommittedReachesAsync(kafka, topic, group, 2);
        Assert.Multiple(() =>
        {
            Assert.That(attempts, Is.EqualTo(3));
            Assert.That(application.Handled, Is.EqualTo(new[] { "good" }));
            Assert.That(letter.Header("dead-letter-stage"), Is.EqualTo("consume"));
            Assert.That(letter.Header("dead-letter-reason"), Is.EqualTo("no such customer"));
            Assert.That(letter.Header("dead-letter-exception"), Is.EqualTo(typeof(InvalidOperationException).FullName));
            Assert.That(Interlocked.Read(ref counted), Is.EqualTo(1));
        });
    }

    [Test]
    public async Task ARecordThatSucceedsInTheEndIsNotDeadLettered()
    {
        var attempts = 0;
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            _ => Interlocked.Increment(ref attempts) < 3 ? throw new InvalidOperationException() : Task.CompletedTask,
            endpoint => endpoint.UseMessageRetry(retry => retry.Immediate(5)));
        await application.ProduceAsync("1");

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 1);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1" }));
        Assert.That(attempts, Is.EqualTo(3));
    }

    [Test]
    public async Task RecordsOfOneKeyAreHandledInTheirOrder()
    {
        ConcurrentQueue<(string Key, int Number)> handled = new();
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            async context =>
            {
                await Task.Delay(Random.Shared.Next(3));
                handled.Enqueue((context.GetKey<string>()!, int.Parse(context.Message.OrderId, System.Globalization.CultureInfo.InvariantCulture)));
            },
            endpoint => endpoint.ConcurrentMessageLimit = 16);
        await TestTopics.ProduceAsync(kafka, topic, Enumerable.Range(0, 400).Select(n => Records.Order($"key-{n % 7}", $"{n}")));

        await Eventually.TrueAsync(() => handled.Count == 400);
        foreach (var key in handled.GroupBy(record => record.Key))
        {
            Assert.That(key.Select(record => record.Number), Is.Ordered, key.Key);
        }
    }

    [Test]
    public async Task NoMoreRecordsAreInFlightThanThePrefetchCount()
    {
        const int limit = 20;
        int running = 0, most = 0;
        var release = new TaskCompletionSource();
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            async _ =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                await release.Task;
                Interlocked.Decrement(ref running);
            },
            endpoint =>
            {
                endpoint.PrefetchCount = limit;
                endpoint.ConcurrentMessageLimit = 1_000;
            });
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Enumerable.Range(0, 200).Select(n => $"{n}")));

        await Eventually.TrueAsync(() => Volatile.Read(ref running) == limit);
        release.SetResult();
        await Eventually.TrueAsync(() => application.Handled.Count == 200);
        Assert.That(most, Is.EqualTo(limit));
    }

    [Test]
    public async Task ASecondMemberTakesItsShareAndNothingIsLostWhenItLeaves()
    {
        kind.RequireBroker("waits seconds before each rebalance");
        var shared = await TestTopics.CreateAsync(kafka, partitions: 4);
        var ids = Enumerable.Range(0, 600).Select(n => $"{n}").ToList();
        ConcurrentDictionary<string, int> handled = new();
        Func<ConsumeContext<Order>, Task> handle = context =>
        {
            handled.AddOrUpdate(context.Message.OrderId, 1, (_, count) => count + 1);
            return Task.CompletedTask;
        };

        await using var first = await RiderApplication.StartAsync(kafka, shared, group, handle, endpoint => endpoint.ConcurrentMessageLimit = 8);
        await TestTopics.ProduceAsync(kafka, shared, Records.Orders(ids.Take(200)));
        await using (var second = await RiderApplication.StartAsync(kafka, shared, group, handle, endpoint => endpoint.ConcurrentMessageLimit = 8))
        {
            await TestTopics.ProduceAsync(kafka, shared, Records.Orders(ids.Skip(200).Take(200)));
            await Eventually.TrueAsync(() => !second.Handled.IsEmpty);
        }

        await TestTopics.ProduceAsync(kafka, shared, Records.Orders(ids.Skip(400)));
        await TestTopics.CommittedReachesAsync(kafka, shared, group, ids.Count);
        Assert.That(handled.Keys, Is.EquivalentTo(ids));
    }

    [Test]
    public async Task AMemberThatIsPausedGoesOnWithWhatItHasWhenAnotherOneComesAndLeaves()
    {
        kind.RequireBroker("waits seconds before each rebalance");
        var shared = await TestTopics.CreateAsync(kafka, partitions: 4);
        ConcurrentDictionary<string, int> handled = new();
        Func<ConsumeContext<Order>, Task> handleSlowly = async context =>
        {
            // Long enough for its endpoint, which takes one record at a time, to be paused.
            await Task.Delay(TimeSpan.FromMilliseconds(350));
            handled.AddOrUpdate(context.Message.OrderId, 1, (_, count) => count + 1);
        };
        await using var first = await RiderApplication.StartAsync(kafka, shared, group, handleSlowly, endpoint => endpoint.PrefetchCount = 1);

        var produced = 0;
        for (var round = 0; round < 2; round++)
        {
            await ProduceAsync(16);
            await Eventually.TrueAsync(() => !first.Handled.IsEmpty);
            await using (var second = await RiderApplication.StartAsync(kafka, shared, group, handleSlowly, endpoint => endpoint.PrefetchCount = 1))
            {
                await Eventually.TrueAsync(() => !second.Handled.IsEmpty);
            }

            await ProduceAsync(10);
            await Eventually.TrueAsync(() => handled.Count == produced);
        }

        async Task ProduceAsync(int count)
        {
            await TestTopics.ProduceAsync(kafka, shared, Records.Orders(Enumerable.Range(produced, count).Select(n => $"{n}")));
            produced += count;
        }
    }

    [Test]
    public async Task ABatchThatFailsIsTriedAgainInHalvesAndOnlyTheRecordAtFaultIsDeadLettered()
    {
        ConcurrentQueue<string[]> consumed = new();
        await using var services = BatchApplication<FussyConsumer>(consumed);
        var bus = services.GetRequiredService<IBusControl>();
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders(Enumerable.Range(0, 20).Select(n => n == 13 ? FussyConsumer.Fault : $"{n}")));
        await bus.StartAsync();

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 20);
        await bus.StopAsync();

        var letters = await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(consumed.SelectMany(ids => ids), Is.Unique.And.Exactly(19).Items);
            Assert.That(consumed.Max(ids => ids.Length), Is.GreaterThan(1));
            Assert.That(letters.Select(letter => Encoding.UTF8.GetString(letter.Message.Key!)), Is.EqualTo(new[] { FussyConsumer.Fault }));
            Assert.That(letters[0].Header("dead-letter-stage"), Is.EqualTo("consume"));
        }
    }

    [Test]
    public async Task OfABatchARecordThatCannotBeReadIsDeadLetteredAndTheOthersAreConsumed()
    {
        ConcurrentQueue<string[]> consumed = new();
        await using var services = BatchApplication<FussyConsumer>(consumed);
        var bus = services.GetRequiredService<IBusControl>();
        Message<byte[]?, byte[]?> unreadable = new() { Key = "bad"u8.ToArray(), Value = "{"u8.ToArray() };
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, [.. Records.Orders("1"), unreadable, .. Records.Orders("2")]);
        await bus.StartAsync();

        await TestTopics.CommittedReachesAsync(kafka, topic, group, 3);
        await bus.StopAsync();

        var letters = await TestTopics.ReadAsync(kafka, $"{topic}.dead-letter", 1);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(consumed.SelectMany(ids => ids), Is.EquivalentTo(new[] { "1", "2" }));
            Assert.That(letters[0].Header("dead-letter-stage"), Is.EqualTo("deserialize"));
        }
    }

    [Test]
    public async Task ABatchFillsUnderLoadAndALoneRecordIsNotHeldBack()
    {
        ConcurrentQueue<string[]> consumed = new();
        await using var services = BatchApplication<FussyConsumer>(consumed);
        var bus = services.GetRequiredService<IBusControl>();
        await bus.StartAsync();

        await TestTopics.ProduceAsync(kafka, topic, Records.Orders("alone"));
        await Eventually.TrueAsync(() => consumed.Count == 1);
        await TestTopics.ProduceAsync(kafka, topic, Records.Orders(Enumerable.Range(0, 100).Select(n => $"{n}")));
        await Eventually.TrueAsync(() => consumed.Sum(ids => ids.Length) == 101);
        await bus.StopAsync();

        Assert.That(consumed.First(), Has.Length.EqualTo(1));
        Assert.That(consumed.Max(ids => ids.Length), Is.GreaterThan(10).And.AtMost(BatchLimit));
    }

    [Test]
    public async Task ASecondStartOfTheSameBusConsumesAgain()
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await application.ProduceAsync("1");
        await Eventually.TrueAsync(() => application.Handled.Count == 1);

        await application.StopAsync();
        await application.StartAsync();

        await application.ProduceAsync("2");
        await Eventually.TrueAsync(() => application.Handled.Count == 2);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task ClientsThatAreReplacedProduceAndConsumeOn()
    {
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);
        await application.ProduceAsync("1");
        await Eventually.TrueAsync(() => application.Handled.Count == 1);

        application.Services.GetRequiredService<IKafkaRider>().Reconnect(config => config.ClientId = "the-second");

        await application.ProduceAsync("2");
        await Eventually.TrueAsync(() => application.Handled.Count == 2);
        Assert.That(application.Handled, Is.EqualTo(new[] { "1", "2" }));
    }

    private static TestCaseData Poison(string name, string? value, string stage, params (string, string)[] headers) =>
        new TestCaseData(value, stage, headers).SetArgDisplayNames(name);

    private static void InterlockedMax(ref int target, int value)
    {
        int current;
        while ((current = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, current) != current)
        {
        }
    }

    private ServiceProvider BatchApplication<TConsumer>(ConcurrentQueue<string[]> consumed)
        where TConsumer : class, IConsumer<Batch<Order>>
    {
        var collection = TestServices.New();
        collection.AddSingleton(consumed);
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddConsumer<TConsumer>(consumer => consumer.Options<BatchOptions>(batch => batch.SetMessageLimit(BatchLimit)));
                rider.UsingKafka((context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.TopicEndpoint<string, Order>(topic, RiderApplication.Config(group), endpoint =>
                    {
                        endpoint.UseMessageRetry(retry => retry.Immediate(1));
                        endpoint.ConfigureConsumer<TConsumer>(context);
                    });
                });
            });
        });
        return collection.BuildServiceProvider();
    }

    /// <summary>Does not take a batch with a certain order in it.</summary>
    private sealed class FussyConsumer(ConcurrentQueue<string[]> consumed) : IConsumer<Batch<Order>>
    {
        public const string Fault = "fault";

        public Task Consume(ConsumeContext<Batch<Order>> context)
        {
            string[] ids = [.. context.Message.Select(order => order.Message.OrderId)];
            if (ids.Contains(Fault))
            {
                throw new InvalidOperationException("Not this one.");
            }

            consumed.Enqueue(ids);
            return Task.CompletedTask;
        }
    }
}
