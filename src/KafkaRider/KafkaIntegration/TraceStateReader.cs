using System.Diagnostics;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Core reads which trace a record is of, but not its state (tracestate of W3C Trace Context). It calls this with the span of the record
/// already started, so a sampler has not seen the state.
/// </summary>
internal sealed class TraceStateReader : IReceiveObserver
{
    public Task PreReceive(ReceiveContext context)
    {
        // The state is that of traceparent: a span that goes on from another one (MT-Activity-Id, MT-Activity-Propagation) has none of it.
        if (Activity.Current is { } activity
            && ActivityContext.TryParse(Text(context, WireHeaders.TraceParent), Text(context, WireHeaders.TraceState), out var parent)
            && parent.TraceId == activity.TraceId
            && parent.SpanId == activity.ParentSpanId)
        {
            activity.TraceStateString = parent.TraceState;
        }

        return Task.CompletedTask;
    }

    public Task PostReceive(ReceiveContext context) => Task.CompletedTask;

    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;

    public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;

    private static string? Text(ReceiveContext context, string key) =>
        context.TransportHeaders.TryGetHeader(key, out var value) ? value as string : null;
}
