using System.Collections.Concurrent;
using System.Diagnostics;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>What a batch shows of itself, and what ends it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RiderBatchTests
{
    private const int Limit = 100;

    private readonly ConcurrentQueue<string[]> consumed = new();
    private KafkaServer kafka = null!;
    private string topic = null!;

    [SetUp]
    public async Task CreateTopicAsync()
    {
        kafka = await SharedServers.Kafka;
        topic = await TestTopics.CreateAsync(kafka);
    }

    [Test]
    public async Task EveryRecordOfABatchHasASpanInTheTraceOfItsProducer()
    {
        ConcurrentQueue<Activity> ended = new();
        var (one, other) = (ActivityTraceId.CreateRandom(), ActivityTraceId.CreateRandom());

        // The other tests of this process have no traces.
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name == "MassTransit",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == one || options.Parent.TraceId == other || (options.Links?.Any(link => link.Context.TraceId == one) ?? false)
                    ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.None,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Traced("1", one), Traced("2", other));
        await using var bus = await StartAsync();
        await Eventually.TrueAsync(() => Processed().Count == 2);

        var records = Processed();
        await Eventually.TrueAsync(() => ended.Any(IsBatch));
        var batch = ended.Last(IsBatch);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(records.Select(record => record.TraceId), Is.EquivalentTo(new[] { one, other }));
            Assert.That(records.Select(record => record.TraceStateString), Is.All.EqualTo("vendor=1"));
            Assert.That(records.Last().Links.Single().Context, Is.EqualTo(batch.Context));
            Assert.That(batch.Links.Select(link => link.Context.TraceId), Is.SubsetOf(new[] { one, other }));
            Assert.That(new[] { one, other }, Does.Contain(batch.TraceId), "The batch belongs to the trace of its first record.");
        }

        // A listener also hears what only another one has sampled.
        bool IsBatch(Activity activity) =>
            activity.OperationName.EndsWith(" receive", StringComparison.Ordinal) && activity.Links.Any(link => link.Context.TraceId == one || link.Context.TraceId == other);

        List<Activity> Processed() =>
            [.. ended.Where(activity => activity is { HasRemoteParent: true } && activity.OperationName.EndsWith(" process", StringComparison.Ordinal)
                && (activity.TraceId == one || activity.TraceId == other))];
    }

    [Test]
    public async Task ARecordOfABatchThatHasNoTraceIsNotInThatOfAnother()
    {
        ConcurrentQueue<Activity> ended = new();
        var trace = ActivityTraceId.CreateRandom();
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name == "MassTransit",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == trace ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Traced("1", trace), Records.Order("2", "2"), Traced("3", trace));

        await using var bus = await StartAsync();

        await Eventually.TrueAsync(() => Processed() >= 2);
        await bus.StopAsync();
        Assert.That(Processed(), Is.EqualTo(2));

        // Those of the records: the batch and what its consumer does belong to the trace of the first of them.
        int Processed() => ended.Count(activity => activity is { HasRemoteParent: true } && activity.TraceId == trace && activity.OperationName.EndsWith(" process", StringComparison.Ordinal));
    }

    [Test]
    public async Task ASagaBesideABatchConsumerGetsItsRecordsToo()
    {
        ConcurrentQueue<Guid> placed = new();
        string[] ids = [$"{Guid.NewGuid()}", $"{Guid.NewGuid()}"];
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders(ids));

        await using var bus = await RiderBus.StartAsync(
            rider =>
            {
                rider.AddConsumer<Collecting>();
                rider.AddSagaStateMachine<DeliveryStateMachine, Delivery>().InMemoryRepository();
                rider.UsingKafka((context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.TopicEndpoint<string, Order>(topic, RiderApplication.Config($"group-{Guid.NewGuid():N}"), endpoint =>
                    {
                        endpoint.ConcurrentMessageLimit = ids.Length;
                        endpoint.ConfigureConsumer<Collecting>(context);
                        endpoint.ConfigureSaga<Delivery>(context);
                    });
                });
            },
            services => services.AddSingleton(consumed).AddSingleton(placed));

        await Eventually.TrueAsync(() => ids.All(id => placed.Contains(Guid.Parse(id))));
        await Eventually.TrueAsync(() => !ids.Except(consumed.SelectMany(batch => batch)).Any());
    }

    [Test]
    public async Task ABatchIsNotCollectedForLongerThanItsTimeLimit()
    {
        const int count = 300;
        await TestTopics.ProduceToOnePartitionAsync(kafka, topic, Records.Orders(Enumerable.Range(0, count).Select(n => $"{n}")));

        // Next to no time: no batch is full, however many records there are.
        await using var bus = await StartAsync(TimeSpan.FromTicks(1));

        await Eventually.TrueAsync(() => consumed.Sum(ids => ids.Length) == count);
        Assert.That(consumed, Has.None.Length.EqualTo(Limit));
    }

    private static Message<byte[]?, byte[]?> Traced(string id, ActivityTraceId trace)
    {
        var record = Records.Order(id, id);
        record.Headers = new Confluent.Kafka.Headers
        {
            { "traceparent", System.Text.Encoding.UTF8.GetBytes($"00-{trace}-b7ad6b7169203331-01") },
            { "tracestate", "vendor=1"u8.ToArray() },
        };
        return record;
    }

    private Task<RiderBus> StartAsync(TimeSpan? timeLimit = null) => RiderBus.StartAsync(
        rider =>
        {
            rider.AddConsumer<Collecting>(consumer => consumer.Options<BatchOptions>(batch =>
                batch.SetMessageLimit(Limit).SetTimeLimit(timeLimit ?? TimeSpan.FromSeconds(1))));
            rider.UsingKafka((context, k) =>
            {
                k.Host(kafka.Bootstrap);
                k.TopicEndpoint<string, Order>(
                    topic, RiderApplication.Config($"group-{Guid.NewGuid():N}"), endpoint => endpoint.ConfigureConsumer<Collecting>(context));
            });
        },
        services => services.AddSingleton(consumed));

    public sealed class Delivery : SagaStateMachineInstance
    {
        public Guid CorrelationId { get; set; }

        public string CurrentState { get; set; } = null!;
    }

    public sealed class DeliveryStateMachine : MassTransitStateMachine<Delivery>
    {
        public DeliveryStateMachine(ConcurrentQueue<Guid> placed)
        {
            InstanceState(delivery => delivery.CurrentState);
            Event(() => Placed, order => order.CorrelateById(context => Guid.Parse(context.Message.OrderId)));
            Initially(When(Placed).Then(context => placed.Enqueue(context.Saga.CorrelationId)));
        }

        public Event<Order> Placed { get; private set; } = null!;
    }

    private sealed class Collecting(ConcurrentQueue<string[]> consumed) : IConsumer<Batch<Order>>
    {
        public Task Consume(ConsumeContext<Batch<Order>> context)
        {
            consumed.Enqueue([.. context.Message.Select(order => order.Message.OrderId)]);
            return Task.CompletedTask;
        }
    }
}
