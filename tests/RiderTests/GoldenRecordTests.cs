using System.Diagnostics;
using System.Net.Mime;
using System.Text;
using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>
/// Records byte by byte, with everything in them that can be written. As MassTransit.Kafka writes them, save that
/// - values in headers are written in the invariant culture, where the package takes the current one;
/// - traceparent and tracestate are there, beside MT-Activity-Id.
/// </summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GoldenRecordTests(KafkaKind kind)
{
    private static readonly Guid Id = new("6dc3257d-28be-47b5-8d3f-0c9a3f5e7a10");

    // Bytes that are no UTF-8 are none of a record: a text says which bytes it was.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private KafkaServer kafka = null!;
    private string topic = null!;
    private RiderBus? bus;

    public enum Colour
    {
        Red,
        Green,
    }

    [SetUp]
    public async Task StartAsync()
    {
        kafka = await kind.StartAsync();
        topic = await TestTopics.CreateAsync(kafka);
        bus = await RiderBus.StartAsync(rider => rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap)));
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
    public async Task AValue()
    {
        await ProduceAsync("k", Pipe.Empty<KafkaSendContext<string, Golden>>());

        Assert.That(Utf8.GetString((await ReadAsync()).Message.Value!), Is.EqualTo(
            """
            {
              "id": "6dc3257d-28be-47b5-8d3f-0c9a3f5e7a10",
              "text": "é<&>\"\\\n",
              "none": null,
              "number": 5,
              "large": 9007199254740993,
              "amount": "12.50",
              "ratio": 0.1,
              "yes": true,
              "at": "2026-01-02T03:04:05Z",
              "atSomewhere": "2026-01-02T03:04:05.678+02:00",
              "takes": "1.02:03:04",
              "link": "https://example.org/a?b=c",
              "colour": 1,
              "bytes": "AQID",
              "items": [
                {
                  "name": "one"
                }
              ],
              "table": {
                "Key": "value"
              }
            }
            """));
    }

    [Test]
    public async Task Keys()
    {
        await ProduceAsync("é", ToOnePartition<string>());
        await ProduceAsync(1, ToOnePartition<int>());
        await ProduceAsync(-2L, ToOnePartition<long>());
        await ProduceAsync(1.5f, ToOnePartition<float>());
        await ProduceAsync(1.5d, ToOnePartition<double>());
        await ProduceAsync([1, 0, 255], ToOnePartition<byte[]>());
        await ProduceAsync(Id, ToOnePartition<Guid>());
        await ProduceAsync(new Item("one"), ToOnePartition<Item>());
        await ProduceAsync(null!, ToOnePartition<Confluent.Kafka.Null>());
        await ProduceAsync<string>(null!, ToOnePartition<string>());
        await ProduceAsync<byte[]>(null!, ToOnePartition<byte[]>());

        // By the type of the producer, not of the value.
        await ProduceAsync(7, ToOnePartition<int?>());
        await ProduceAsync(null, ToOnePartition<int?>());
        await ProduceAsync<Item>(null!, ToOnePartition<Item>());
        await ProduceAsync("text", ToOnePartition<object>());
        await ProduceAsync((short)7, ToOnePartition<short>());

        var records = await TestTopics.ReadAsync(kafka, topic, 16);
        Assert.That(records.Select(record => record.Message.Key is { } key ? Convert.ToHexString(key) : null), Is.EqualTo(new[]
        {
            "C3A9",
            "00000001",
            "FFFFFFFFFFFFFFFE",
            "3FC00000",
            "3FF8000000000000",
            "0100FF",
            Convert.ToHexString(Utf8.GetBytes($"\"{Id}\"")),
            Convert.ToHexString("{\n  \"name\": \"one\"\n}"u8),
            null,
            null,
            null,
            Convert.ToHexString("7"u8),
            Convert.ToHexString("null"u8),
            Convert.ToHexString("null"u8),
            Convert.ToHexString("\"text\""u8),
            Convert.ToHexString("7"u8),
        }));
    }

    [Test]
    public async Task AllHeaders()
    {
        // The trace is this test's own: others run beside it.
        var parent = new ActivityContext(
            ActivityTraceId.CreateRandom(), ActivitySpanId.CreateFromString("b7ad6b7169203331"), ActivityTraceFlags.Recorded, "vendor=1");
        Activity? sending = null;
        using var source = new ActivitySource("Test");
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name == "MassTransit" || heard == source,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == parent.TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStarted = activity =>
                sending = activity.Kind == ActivityKind.Producer && activity.TraceId == parent.TraceId ? activity : sending,
        };
        ActivitySource.AddActivityListener(listener);

        using (var activity = source.StartActivity(ActivityKind.Internal, parent)!)
        {
            activity.AddBaggage("tenant", "acme");
            await ProduceAsync("k", Pipe.Execute<KafkaSendContext<string, Golden>>(context =>
            {
                context.Headers.Set("text", "é, \"as it is\"");
                context.Headers.Set("int", 1_000);
                context.Headers.Set("time", new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
                context.Headers.Set("true", true);
                context.Headers.Set("false", false);
                context.Headers.Set("uri", new Uri("https://example.org/a?b=c"));
                context.Headers.Set("object", new Item("one"));
                context.Headers.Set("MT-Fault-Message", "It failed.");
                context.Headers.Set("MT-Fault-InputAddress", "loopback://localhost/kafka/other");

                // None of these is written.
                context.Headers.Set("MT-Fault-StackTrace", "at");
                context.Headers.Set("MT-Host-MachineName", "secret");
                context.RequestId = Id;
                context.ResponseAddress = new Uri("loopback://localhost/response");
                context.FaultAddress = new Uri("loopback://localhost/fault");
                context.TimeToLive = TimeSpan.FromMinutes(1);

                context.MessageId = new Guid("00000000-0000-0000-0000-000000000001");
                context.CorrelationId = new Guid("00000000-0000-0000-0000-000000000002");
                context.ConversationId = new Guid("00000000-0000-0000-0000-000000000003");
                context.InitiatorId = new Guid("00000000-0000-0000-0000-000000000004");
                context.ContentType = new ContentType("application/json");
            }));
        }

        var record = await ReadAsync();
        var headers = record.Message.Headers.Select(header => (header.Key, Utf8.GetString(header.GetValueBytes())));

        // In this order too, though nobody should read it: the caller's own, those of the trace, those of the message, the standard's.
        Assert.That(headers, Is.EqualTo(new[]
        {
            ("text", "é, \"as it is\""),
            ("int", "1000"),
            ("time", "01/02/2026 03:04:05"),
            ("true", "True"),
            ("false", "false"),
            ("uri", "https://example.org/a?b=c"),
            ("object", "{\n  \"name\": \"one\"\n}"),
            ("MT-Fault-Message", "It failed."),
            ("MT-Fault-InputAddress", "loopback://localhost/kafka/other"),
            ("MT-Activity-Id", $"00-{parent.TraceId}-{sending!.SpanId}-01"),
            ("MT-Activity-Correlation-Context", "[\n  {\n    \"key\": \"tenant\",\n    \"value\": \"acme\"\n  }\n]"),
            ("MessageId", "00000000-0000-0000-0000-000000000001"),
            ("CorrelationId", "00000000-0000-0000-0000-000000000002"),
            ("ConversationId", "00000000-0000-0000-0000-000000000003"),
            ("InitiatorId", "00000000-0000-0000-0000-000000000004"),
            ("SourceAddress", "loopback://localhost/"),
            ("DestinationAddress", $"loopback://localhost/kafka/{topic}"),
            ("Content-Type", "application/json"),
            ("traceparent", $"00-{parent.TraceId}-{sending.SpanId}-01"),
            ("tracestate", "vendor=1"),
        }));
        Assert.That(record.Message.Timestamp.Type, Is.EqualTo(TimestampType.CreateTime));
    }

    private static readonly Golden Message = new()
    {
        Id = Id,
        Text = "é<&>\"\\\n",
        Number = 5,
        Large = 9_007_199_254_740_993,
        Amount = 12.50m,
        Ratio = 0.1,
        Yes = true,
        At = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
        AtSomewhere = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(2)),
        Takes = new TimeSpan(1, 2, 3, 4),
        Link = new Uri("https://example.org/a?b=c"),
        Colour = Colour.Green,
        Bytes = [1, 2, 3],
        Items = [new Item("one")],
        Table = new Dictionary<string, string> { ["Key"] = "value" },
    };

    // So that they are read in their order.
    private static IPipe<KafkaSendContext<TKey, Golden>> ToOnePartition<TKey>() => Pipe.Execute<KafkaSendContext<TKey, Golden>>(context => context.Partition = 0);

    private Task ProduceAsync<TKey>(TKey key, IPipe<KafkaSendContext<TKey, Golden>> pipe) =>
        bus!.InScopeAsync<ITopicProducerProvider>(producers => producers.GetProducer<TKey, Golden>(new Uri($"topic:{topic}")).Produce(key, Message, pipe));

    private async Task<ConsumeResult<byte[]?, byte[]?>> ReadAsync() => (await TestTopics.ReadAsync(kafka, topic, 1))[0];

    public sealed record Item(string Name);

    public sealed record Golden
    {
        public Guid Id { get; init; }

        public string? Text { get; init; }

        public string? None { get; init; }

        public int Number { get; init; }

        public long Large { get; init; }

        public decimal Amount { get; init; }

        public double Ratio { get; init; }

        public bool Yes { get; init; }

        public DateTime At { get; init; }

        public DateTimeOffset AtSomewhere { get; init; }

        public TimeSpan Takes { get; init; }

        public Uri? Link { get; init; }

        public Colour Colour { get; init; }

        public byte[] Bytes { get; init; } = [];

        public Item[] Items { get; init; } = [];

        public Dictionary<string, string> Table { get; init; } = [];
    }
}
