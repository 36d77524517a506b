namespace MassTransit.KafkaIntegration;

/// <summary>Takes the records of one client through their handler, and reports the outcome of each to its checkpoint.</summary>
internal sealed class RecordProcessor
{
    private readonly IRecordHandler handler;
    private readonly KeyOrderedScheduler scheduler;
    private readonly InFlightCounter inFlight;
    private readonly OffsetCommitter committer;
    private readonly int checkpointMessageCount;
    private readonly CancellationToken abort;
    private readonly Func<AcceptedRecord[], Task> process;

    public RecordProcessor(
        IRecordHandler handler, KeyOrderedScheduler scheduler, InFlightCounter inFlight, OffsetCommitter committer, int checkpointMessageCount, CancellationToken abort)
    {
        this.handler = handler;
        this.scheduler = scheduler;
        this.inFlight = inFlight;
        this.committer = committer;
        this.checkpointMessageCount = checkpointMessageCount;
        this.abort = abort;

        // One delegate for all records.
        process = ProcessAsync;
    }

    public void Add(AcceptedRecord[] records)
    {
        inFlight.Add();
        scheduler.Add(records, process);
    }

    private async Task ProcessAsync(AcceptedRecord[] records)
    {
        var started = Start(records);
        var done = false;
        try
        {
            done = started.Length > 0 && await handler.HandleAsync(started, abort).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The handler itself failed: the partition stops, so that the record is not passed over, and health reports it.
            foreach (var record in started)
            {
                record.StopPartition(exception);
            }
        }

        foreach (var (record, checkpoint) in started)
        {
            if (!done)
            {
                checkpoint.Abandon(record.Offset.Value);
            }
            else if (checkpoint.Done(record.Offset.Value) % checkpointMessageCount == 0)
            {
                committer.Signal();
            }
        }

        inFlight.Remove();
    }

    // A record that has not started when its partition is revoked belongs to the next owner.
    private static AcceptedRecord[] Start(AcceptedRecord[] records) => records is [var only]
        ? Start(only) ? records : []
        : Array.FindAll(records, Start);

    private static bool Start(AcceptedRecord accepted) => accepted.Checkpoint.TryStart(accepted.Record.Offset.Value);
}
