using MassTransit.Batching;
using MassTransit.Context;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>Passes polled records to their consumers.</summary>
internal interface IRecordHandler
{
    /// <summary>The largest number of records of one call.</summary>
    int Limit { get; }

    /// <summary>The longest time for which records are collected. It does not delay records that were polled when no more are available.</summary>
    TimeSpan TimeLimit { get; }

    DeliveryMetrics Metrics { get; }

    /// <summary>
    /// Returns true when every record is done: its consumers succeeded, its dead letter is acknowledged, or its partition was stopped. Returns
    /// false if it was aborted: the records will be delivered again.
    /// </summary>
    Task<bool> HandleAsync(AcceptedRecord[] records, CancellationToken abort);
}

/// <summary>One record, one pass through the receive pipe.</summary>
internal sealed class SingleRecordHandler<TKey, TValue>(TopicEndpoint endpoint, RecordReader<TKey, TValue> reader, DeadLetters deadLetters)
    : IRecordHandler
    where TValue : class
{
    private readonly ReceiveEndpointContext context = endpoint.Context;
    private readonly TopicEndpointSettings settings = endpoint.Settings;
    private readonly IReceivePipeDispatcher dispatcher = endpoint.Context.CreateReceivePipeDispatcher();

    public int Limit => 1;

    public TimeSpan TimeLimit => Timeout.InfiniteTimeSpan;

    public DeliveryMetrics Metrics => dispatcher.GetMetrics();

    public async Task<bool> HandleAsync(AcceptedRecord[] records, CancellationToken abort)
    {
        var record = records[0];
        try
        {
            RecordContext<TKey, TValue> recordContext;
            try
            {
                recordContext = new RecordContext<TKey, TValue>(record.Record, settings.GroupId, reader, context);
            }
            catch (Exception exception)
            {
                await deadLetters.PutAsync(record, DeadLetterStage.Deserialize, attempts: 0, exception, abort).ConfigureAwait(false);
                return true;
            }

            using (recordContext)
            using (abort.UnsafeRegister(state => ((BaseReceiveContext)state!).Cancel(), recordContext))
            {
                try
                {
                    await dispatcher.Dispatch(recordContext, recordContext).ConfigureAwait(false);
                    RiderMetrics.CountHandled(settings, records: 1, recordContext.TakeAttempts());
                }
                catch (Exception exception) when (!abort.IsCancellationRequested)
                {
                    var attempts = recordContext.TakeAttempts();
                    RiderMetrics.CountHandled(settings, records: 0, attempts);
                    await deadLetters.PutAsync(record, DeadLetterStage.Consume, attempts, exception, abort).ConfigureAwait(false);
                }
            }

            return true;
        }
        catch (Exception) when (abort.IsCancellationRequested)
        {
            return false;
        }
    }
}

/// <summary>
/// Many records, one pass through the batch consumer's pipe. A batch that fails is retried in halves, until the failing record is in a batch of its
/// own.
/// </summary>
internal sealed class BatchRecordHandler<TKey, TValue>(
    TopicEndpoint endpoint,
    RecordReader<TKey, TValue> reader,
    DeadLetters deadLetters,
    BatchOptions options,
    IPipe<ConsumeContext<Batch<TValue>>> pipe)
    : IRecordHandler
    where TValue : class
{
    private readonly ReceiveEndpointContext context = endpoint.Context;
    private readonly TopicEndpointSettings settings = endpoint.Settings;
    private long handled;

    public int Limit => options.MessageLimit;

    public TimeSpan TimeLimit => options.TimeLimit;

    public DeliveryMetrics Metrics => new Count(Interlocked.Read(ref handled));

    public async Task<bool> HandleAsync(AcceptedRecord[] records, CancellationToken abort)
    {
        LogContext.SetCurrentIfNull(context.LogContext);
        List<Readable> readable = new(records.Length);
        try
        {
            foreach (var record in records)
            {
                if (await ReadAsync(record, abort).ConfigureAwait(false) is { } context)
                {
                    readable.Add(new Readable(record, context));
                }
            }

            await ConsumeAsync(readable, attemptsBefore: 0, abort).ConfigureAwait(false);
            return true;
        }
        catch (Exception) when (abort.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            readable.ForEach(record => record.Context.Dispose());
        }
    }

    /// <returns>Null: it cannot be read, and was moved to the dead-letter topic.</returns>
    private async Task<RecordContext<TKey, TValue>?> ReadAsync(AcceptedRecord record, CancellationToken abort)
    {
        try
        {
            return new RecordContext<TKey, TValue>(record.Record, settings.GroupId, reader, context);
        }
        catch (Exception exception)
        {
            await deadLetters.PutAsync(record, DeadLetterStage.Deserialize, attempts: 0, exception, abort).ConfigureAwait(false);
            return null;
        }
    }

    private async Task ConsumeAsync(List<Readable> records, int attemptsBefore, CancellationToken abort)
    {
        if (records.Count == 0 || await AttemptAsync(records, abort).ConfigureAwait(false) is not var (attempts, failure))
        {
            return;
        }

        attempts += attemptsBefore;
        if (records.Count == 1)
        {
            await deadLetters.PutAsync(records[0].Record, DeadLetterStage.Consume, attempts, failure, abort).ConfigureAwait(false);
            return;
        }

        RiderLog.BatchSplit(context.LogContext.Logger, settings.Topic, settings.GroupId, records.Count, failure.Message);
        var half = records.Count / 2;
        await ConsumeAsync(records[..half], attempts, abort).ConfigureAwait(false);

        // The retries have left their state in the context of the last record, which would prevent further retries. It gets a new context.
        var (rest, last) = (records[half..^1], records[^1].Record);
        using var again = await ReadAsync(last, abort).ConfigureAwait(false);
        if (again is not null)
        {
            rest.Add(new Readable(last, again));
        }

        await ConsumeAsync(rest, attempts, abort).ConfigureAwait(false);
    }

    /// <returns>The failure and the number of attempts; null: the batch succeeded.</returns>
    private async Task<(int Attempts, Exception Failure)?> AttemptAsync(
        List<Readable> records, CancellationToken abort)
    {
        using var spans = BatchSpans.Start(settings, records.Select(record => record.Context));

        // The batch uses the context of its last record, as in core.
        var last = records[^1].Context;
        try
        {
            using var registration = abort.UnsafeRegister(state => ((BaseReceiveContext)state!).Cancel(), last);
            await pipe.Send(BatchOf(records, last)).ConfigureAwait(false);
            await last.ReceiveCompleted.ConfigureAwait(false);
            Interlocked.Add(ref handled, records.Count);
            RiderMetrics.CountHandled(settings, records.Count, last.TakeAttempts());
            return null;
        }
        catch (Exception exception) when (!abort.IsCancellationRequested)
        {
            spans?.Fail(exception);
            var attempts = last.TakeAttempts();
            RiderMetrics.CountHandled(settings, records: 0, attempts);
            return (attempts, exception);
        }
    }

    private static MessageConsumeContext<Batch<TValue>> BatchOf(
        List<Readable> records, RecordContext<TKey, TValue> last)
    {
        var messages = records.ConvertAll(record => record.Context.Message);
        var mode = records.Count == 1 ? BatchCompletionMode.Forced : BatchCompletionMode.Size;
        var batch = new MessageBatch<TValue>(records[0].Context.CheckpointUtcDateTime, last.CheckpointUtcDateTime, mode, messages);
        return new MessageConsumeContext<Batch<TValue>>(last.Message, batch);
    }

    private readonly record struct Readable(AcceptedRecord Record, RecordContext<TKey, TValue> Context);

    /// <summary>Core also wants the number of concurrent deliveries, which only its own dispatcher counts.</summary>
    private sealed record Count(long DeliveryCount) : DeliveryMetrics
    {
        public int ConcurrentDeliveryCount => 0;
    }
}
