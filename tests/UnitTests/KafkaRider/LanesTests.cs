using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using MassTransit.KafkaIntegration;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class LanesTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<long, TaskCompletionSource> ends = new();
    private readonly BlockingCollection<long> started = [];

    [Test]
    public void WhatHasAKeyInCommonWaitsForAllThatCameBefore()
    {
        var lanes = new Lanes(8, HandleAsync);
        lanes.Add([Record(0, "a")]);
        lanes.Add([Record(1, "b")]);
        lanes.Add([Record(2, "a"), Record(3, "b")]);
        lanes.Add([Record(4, "c"), Record(5, "c")]);
        lanes.Add([Record(6, "b")]);
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
    public void RecordsWithoutAKeyOrOfOtherPartitionsWaitForNobody()
    {
        var lanes = new Lanes(8, HandleAsync);
        lanes.Add([Record(0, null)]);
        lanes.Add([Record(1, null)]);
        lanes.Add([Record(2, "a")]);
        lanes.Add([Record(3, "a", partition: 1)]);
        Assert.That(new[] { Next(), Next(), Next(), Next() }, Is.EquivalentTo(new long[] { 0, 1, 2, 3 }));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void NoMoreRunAtOnceThanTheLimitAndTheOthersFollowInTheirOrder(int limit)
    {
        var lanes = new Lanes(limit, HandleAsync);
        for (var offset = 0; offset < limit + 2; offset++)
        {
            lanes.Add([Record(offset, $"{offset}")]);
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
    public void AHandlingThatFailsHoldsUpNobody()
    {
        var lanes = new Lanes(1, HandleAsync);
        lanes.Add([Record(0, "a")]);
        lanes.Add([Record(1, "a")]);
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
        new Checkpoint());

    private Task HandleAsync(AcceptedRecord[] records)
    {
        var offset = records[0].Record.Offset.Value;
        var end = ends[offset] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        started.Add(offset);
        return end.Task;
    }

    private long Next() => started.TryTake(out var offset, Patience) ? offset : throw new TimeoutException("Nothing was started.");

    private void End(long offset) => ends[offset].SetResult();
}
