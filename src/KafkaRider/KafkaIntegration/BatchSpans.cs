using System.Diagnostics;
using MassTransit.Logging;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// The spans of a batch: one for the batch, which is the parent of the consumer's spans, and one for each record, in the trace of its producer and
/// linked with the batch. The batch belongs to the trace of the first producer that is recorded, so that a sampler keeps it with that trace, and
/// has links to all. For a record that is consumed singly MassTransit's core creates the spans.
/// </summary>
internal sealed class BatchSpans : IDisposable
{
    // The source of MassTransit, so that its listeners receive these spans too.
    private static readonly ActivitySource Source = new(DiagnosticHeaders.DefaultListenerName);

    private readonly List<Activity> records = [];
    private readonly Activity? batch;

    private BatchSpans(TopicEndpointSettings settings, IEnumerable<ReceiveContext> contexts)
    {
        List<ActivityContext> producers = [.. contexts.Select(ProducerOf)];
        var named = producers.Where(producer => producer != default).Select(producer => new ActivityLink(producer)).ToList();
        var first = producers.FirstOrDefault(producer => producer.TraceFlags.HasFlag(ActivityTraceFlags.Recorded));
        batch = Start($"{settings.GroupId} receive", settings, first, named);
        batch?.SetTag("messaging.batch.message_count", producers.Count);
        ActivityLink[] whole = batch is null ? [] : [new ActivityLink(batch.Context)];
        foreach (var producer in producers)
        {
            if (Start($"{settings.GroupId} process", settings, producer, whole) is { } record)
            {
                records.Add(record);
            }
        }

        Activity.Current = batch;
    }

    public static BatchSpans? Start(TopicEndpointSettings settings, IEnumerable<ReceiveContext> contexts) =>
        Source.HasListeners() ? new BatchSpans(settings, contexts) : null;

    public void Fail(Exception exception)
    {
        batch?.AddException(exception);
        batch?.SetStatus(ActivityStatusCode.Error, exception.Message);
        records.ForEach(record => record.SetStatus(ActivityStatusCode.Error, exception.Message));
    }

    public void Dispose()
    {
        records.ForEach(record => record.Stop());
        batch?.Stop();
    }

    private static Activity? Start(string name, TopicEndpointSettings settings, ActivityContext parent, IEnumerable<ActivityLink> links)
    {
        // Otherwise a span without a parent would become a child of the span that was started last.
        Activity.Current = null;
        var activity = Source.CreateActivity(name, ActivityKind.Consumer, parent, tags: null, links);
        activity?.SetTag("messaging.system", "kafka");
        activity?.SetTag("messaging.destination.name", settings.Topic);
        activity?.SetTag("messaging.consumer.group.name", settings.GroupId);
        return activity?.Start();
    }

    private static ActivityContext ProducerOf(ReceiveContext context) =>
        context.TransportHeaders.TryGetHeader(DiagnosticHeaders.ActivityId, out var parent)
        && ActivityContext.TryParse(parent as string, context.TransportHeaders.Get<string>(WireHeaders.TraceState), isRemote: true, out var producer)
            ? producer
            : default;
}
