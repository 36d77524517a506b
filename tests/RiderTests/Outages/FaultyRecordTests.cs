using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using MassTransit;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.Outages;

/// <summary>Records and handlers with faults, many of them.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category(TestCategories.Outages)]
public sealed class FaultyRecordTests
{
    private const int Partitions = 3;
    private const int Mebibyte = 1024 * 1024;

    private readonly string group = $"group-{Guid.NewGuid():N}";
    private KafkaServer kafka = null!;

    [SetUp]
    public async Task FindKafkaAsync()
    {
        kafka = await SharedServers.Kafka;
        kafka.RequireReal();
    }

    [Test]
    public async Task OfAHandlerThatFailsAtRandomOnlyWhatFailedAtEveryTryIsDeadLettered()
    {
        const int tries = 2;
        var topic = await TestTopics.CreateAsync(kafka, Partitions);
        string[] ids = [.. Enumerable.Range(0, 2_000).Select(number => $"{number}")];
        ConcurrentDictionary<string, int> failures = new();
        await using var application = await RiderApplication.StartAsync(
            kafka,
            topic,
            group,
            context =>
            {
                if (Random.Shared.NextDouble() < 0.05)
                {
                    failures.AddOrUpdate(context.Message.OrderId, 1, (_, count) => count + 1);
                    throw new InvalidOperationException("It happens.");
                }

                return Task.CompletedTask;
            },
            endpoint =>
            {
                endpoint.ConcurrentMessageLimit = 8;
                endpoint.UseMessageRetry(retry => retry.Immediate(tries - 1));
            });
        await TestTopics.ProduceAsync(kafka, topic, ids.Select(id => Record(id, $$"""{ "orderId": "{{id}}" }""")));

        await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        string[] exhausted = [.. failures.Where(order => order.Value == tries).Select(order => order.Key)];
        Assert.That(failures, Is.Not.Empty);
        Assert.That(application.Handled, Is.EquivalentTo(ids.Except(exhausted)));
        Assert.That((await DeadLettersAsync(topic)).Select(letter => Encoding.UTF8.GetString(letter.Message.Key!)), Is.EquivalentTo(exhausted));
    }

    [Test]
    public async Task OfAMixtureThereAreAsManyDeadLettersAsRecordsThatCannotBeRead()
    {
        var topic = await TestTopics.CreateAsync(kafka, Partitions, maxMessageBytes: 2 * Mebibyte);
        string[] ids = [.. Enumerable.Range(0, 200).Select(number => $"{number}")];
        Message<byte[]?, byte[]?>[] poison =
        [
            .. Enumerable.Repeat(RiderTests.PoisonRecords(), 10).SelectMany(kinds => kinds).Select(kind => Record(
                "poison", (string?)kind.Arguments[0], ((string, string)[])kind.Arguments[2]!)),
            Record("poison", Nested(Mebibyte)),
            Record("poison", $$"""{ "orderId": "x", "more": {{Nested(Mebibyte)}} }"""),
        ];
        Message<byte[]?, byte[]?>[] mixture = [.. ids.Select(id => Record(id, $$"""{ "orderId": "{{id}}" }""")), .. poison];
        Random.Shared.Shuffle(mixture);
        await using var application = await RiderApplication.StartAsync(kafka, topic, group, configure: endpoint => endpoint.ConcurrentMessageLimit = 8);
        using var producer = TestTopics.Producer(kafka, 2 * Mebibyte);
        await Task.WhenAll(mixture.Select(record => producer.ProduceAsync(topic, record)));

        await TestTopics.NothingIsLeftAsync(kafka, topic, group);
        Assert.That(application.Handled, Is.EquivalentTo(ids));
        var letters = await DeadLettersAsync(topic);
        Assert.That(letters, Has.Count.EqualTo(poison.Length));
        Assert.That(letters.Select(letter => Encoding.UTF8.GetString(letter.Message.Key!)), Is.All.EqualTo("poison"));
    }

    [TestCase(null, 2 * Mebibyte)]
    [TestCase(1_000, 10_000)]
    public async Task ARecordThatIsTooLargeIsRefusedWithTheReason(int? maxMessageBytes, int length)
    {
        var topic = await TestTopics.CreateAsync(kafka, maxMessageBytes: maxMessageBytes);
        await using var application = await RiderApplication.StartAsync(kafka, topic, group);

        var refusal = Assert.ThrowsAsync<ProduceException<byte[]?, byte[]?>>(() => application.ProduceAsync(new string('x', length)));

        Assert.That(refusal!.Error.Code, Is.EqualTo(ErrorCode.MsgSizeTooLarge));
        Assert.That(refusal.Message, Does.Contain("too large"));
    }

    /// <summary>So much JSON that is nothing but arrays in arrays.</summary>
    private static string Nested(int length) => new string('[', length / 2) + new string(']', length / 2);

    private static Message<byte[]?, byte[]?> Record(string key, string? value, params (string Key, string Value)[] headers) => new()
    {
        Key = Encoding.UTF8.GetBytes(key),
        Value = value is null ? null : Encoding.UTF8.GetBytes(value),
        Headers = [.. headers.Select(header => new Header(header.Key, Encoding.UTF8.GetBytes(header.Value)))],
    };

    private Task<List<ConsumeResult<byte[]?, byte[]?>>> DeadLettersAsync(string topic) => TestTopics.ReadAllAsync(kafka, $"{topic}.dead-letter");
}
