using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Confluent.Kafka;
using MassTransit.Serialization;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// One consumed record on its way through the receive pipe. It also counts the attempts of its consumers and is the lock that core asks for, which
/// saves two objects per record.
/// </summary>
internal sealed class RecordContext<TKey, TValue> : KafkaReceiveContext<TKey, TValue>, IAttempts, ReceiveLockContext
    where TValue : class
{
    private readonly ConsumeResult<byte[]?, byte[]?> record;
    private readonly BodyConsumeContext consumeContext;
    private int attempts;

    /// <exception cref="Exception">The key, the value or a header cannot be read.</exception>
    public RecordContext(ConsumeResult<byte[]?, byte[]?> record, string groupId, RecordReader<TKey, TValue> reader, ReceiveEndpointContext endpoint)
        : base(endpoint)
    {
        this.record = record;
        GroupId = groupId;
        InputAddress = reader.AddressOf(record.Topic);
        HeaderProvider = reader.HeadersOf(record);
        Body = new BytesMessageBody(record.Message.Value ?? []);
        Key = reader.KeyOf(record);
        consumeContext = new BodyConsumeContext(this, new RecordSerializerContext<TValue>(reader.MessageOf(record), new RecordMessageContext<TKey, TValue>(this)));
    }

    public override string GroupId { get; }

    public override string Topic => record.Topic;

    public override int Partition => record.Partition.Value;

    public override long Offset => record.Offset.Value;

    public override DateTime CheckpointUtcDateTime => record.Message.Timestamp.UtcDateTime;

    public override bool IsPartitionEof => false;

    public override TKey Key { get; }

    /// <summary>The message for a consumer outside the receive pipe: one of batches.</summary>
    public ConsumeContext<TValue> Message => consumeContext.TryGetMessage<TValue>(out var message)
        ? message
        : throw new InvalidOperationException("The record's message was read in the constructor.");

    public override MessageBody Body { get; }

    protected override IHeaderProvider HeaderProvider { get; }

    void IAttempts.Add() => Interlocked.Increment(ref attempts);

    /// <summary>The attempts of consumers since the last call: of this record, or of the batch that uses this context.</summary>
    public int TakeAttempts() => Interlocked.Exchange(ref attempts, 0);

    public override bool HasPayloadType(Type payloadType) => payloadType == typeof(ConsumeContext) || base.HasPayloadType(payloadType);

    // Given a consume context, the pipe does not choose a deserializer by content type: there is no envelope.
    public override bool TryGetPayload<T>([NotNullWhen(true)] out T? payload)
        where T : class
    {
        payload = typeof(T) == typeof(ConsumeContext) ? (T)(object)consumeContext : null;
        return payload is not null || base.TryGetPayload(out payload);
    }

    // The dispatcher calls it after it has started the span of the record, and before the consumers.
    public Task ValidateLockStatus()
    {
        ReadTraceState();
        return Task.CompletedTask;
    }

    // Kafka has no lock per record; the outcome of the dispatch goes to the checkpoint.
    public Task Complete() => Task.CompletedTask;

    public Task Faulted(Exception exception) => Task.CompletedTask;

    /// <returns>The value of a header; null if there is none, or if it is not text.</returns>
    public string? Text(string header) => HeaderProvider.TryGetHeader(header, out var value) ? value as string : null;

    // Core continues the trace of a record, but does not read its state (tracestate of W3C Trace Context), so samplers do not see the state. It
    // belongs to traceparent: a span whose parent comes from another header (MT-Activity-Id, MT-Activity-Propagation) must not have it.
    private void ReadTraceState()
    {
        if (Activity.Current is { } activity
            && ActivityContext.TryParse(Text(WireHeaders.TraceParent), Text(WireHeaders.TraceState), out var parent)
            && parent.TraceId == activity.TraceId
            && parent.SpanId == activity.ParentSpanId)
        {
            activity.TraceStateString = parent.TraceState;
        }
    }
}
