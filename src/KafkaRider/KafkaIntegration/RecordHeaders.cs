using System.Diagnostics.CodeAnalysis;
using MassTransit.Logging;
using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>The headers of a record, and two that core reads by name: the record's timestamp, and the trace of a producer that is not MassTransit.</summary>
internal sealed class RecordHeaders(DateTime timestamp, IHeaderProvider headers) : IHeaderProvider
{
    // Without the timestamp: core copies all headers of this list to each message that a consumer publishes.
    public IEnumerable<KeyValuePair<string, object>> GetAll() => headers.GetAll();

    public bool TryGetHeader(string key, [NotNullWhen(true)] out object? value)
    {
        if (key == MessageHeaders.TransportSentTime)
        {
            value = timestamp;
            return true;
        }

        // Both headers have the same format; producers other than MassTransit write traceparent.
        return headers.TryGetHeader(key, out value) || (key == DiagnosticHeaders.ActivityId && headers.TryGetHeader(WireHeaders.TraceParent, out value));
    }
}
