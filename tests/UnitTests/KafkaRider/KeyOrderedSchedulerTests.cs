using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using MassTransit.KafkaIntegration;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class KeyOrderedSchedulerTests
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<long, TaskCompletionSource> ends = new();
    private readonly BlockingCollection<long> started = [];

    [Test]
    public void ItemsWithAKeyInCommonWaitForAllThatCameBefore()
    {
        var scheduler = new KeyOrderedScheduler(8);
        scheduler.Add([Record(0, "a")], HandleAsync);
        scheduler.Add([Record(1, "b")], HandleAsync);
        scheduler.Add([Record(2, "a"), Record(3, "b")], HandleAsync);
        scheduler.Add([Record(4, "c"), Record(5, "c")], HandleAsync);
        scheduler.Add([Record(6, "b")], HandleAsync);
        Assert.That(new[] { Next(), Next(), Next() }, Is.EquivalentTo(new long[] { 0, 1, 4 }));

        End(0);
        Assert.That(started, Is.Empty);
        End(1);
        Assert.That(Next(), Is.EqualTo(2));
        Assert.That(started, Is.Empty);
        End(2);
        Assert.That(Next(), Is.EqualTo(6));
    }

    [Test]
    public void RecordsWithoutAKeyOrOfOtherPartitionsDoNotWait()
    {
        var scheduler = new KeyOrderedScheduler(8);
        scheduler.Add([Record(0, null)], HandleAsync);
        scheduler.Add([Record(1, null)], HandleAsync);
        scheduler.Add([Record(2, "a")], HandleAsync);
        scheduler.Add([Record(3, "a", partition: 1)], HandleAsync);
        Assert.That(new[] { Next(), Next(), Next(), Next() }, Is.EquivalentTo(new long[] { 0, 1, 2, 3 }));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void NoMoreRunAtOnceThanTheLimitAndTheOthersFollowInTheirOrder(int limit)
    {
        var scheduler = new KeyOrderedScheduler(limit);
        for (var offset = 0; offset < limit + 2; offset++)
        {
            scheduler.Add([Record(offset, $"{offset}")], HandleAsync);
        }

        for (var offset = 0; offset < limit; offset++)
        {
            Next();
        }

        Assert.That(started, Is.Empty);
        End(0);
        Assert.That(Next(), Is.EqualTo(limit));
        End(limit);
        Assert.That(Next(), Is.EqualTo(limit + 1));
    }

    [Test]
    public void AnItemThatFailsDoesNotHoldUpTheNextOne()
    {
        var scheduler = new KeyOrderedScheduler(1);
        scheduler.Add([Record(0, "a")], HandleAsync);
        scheduler.Add([Record(1, "a")], HandleAsync);
        Assert.That(Next(), Is.Zero);
        ends[0].SetException(new InvalidOperationException());
        Assert.That(Next(), Is.EqualTo(1));
    }

    private static AcceptedRecord Record(long offset, string? key, int partition = 0) => new(
        new ConsumeResult<byte[]?, byte[]?>
        {
            TopicPartitionOffset = new TopicPartitionOffset("topic", partition, offset),
            Message = new Message<byte[]?, byte[]?> { Key = key is null ? null : Encoding.UTF8.GetBytes(key) },
        },
        new Checkpoint(TimeProvider.System, (_, _, _) => { }));

    private Task HandleAsync(AcceptedRecord[] records)
    {
        var offset = records[0].Record.Offset.Value;
        var end = ends[offset] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        started.Add(offset);
        return end.Task;
    }

    private long Next() => started.TryTake(out var offset, StartTimeout) ? offset : throw new TimeoutException("Nothing was started.");

    private void End(long offset) => ends[offset].SetResult();
}
