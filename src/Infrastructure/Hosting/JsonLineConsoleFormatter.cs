using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Writes each message as one line of JSON, with the names of the framework's own formatter, so that collectors know them. That one has no limit of
/// lines, and no identifiers of spans without a scope for every request.
/// </summary>
internal sealed class JsonLineConsoleFormatter(TimeProvider time) : LimitedConsoleFormatter(FormatterName, time)
{
    public const string FormatterName = "json-lines";

    /// <summary>The key of the message template among the values of a message.</summary>
    private const string Template = "{OriginalFormat}";

    protected override void WriteLine<TState>(in LogEntry<TState> logEntry, long leftOut, TextWriter textWriter)
    {
        var bytes = new ArrayBufferWriter<byte>();

        // Its default encoder escapes everything that a terminal interprets.
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("Timestamp", Now);
            json.WriteNumber("EventId", logEntry.EventId.Id);
            json.WriteString("LogLevel", logEntry.LogLevel.ToString());
            json.WriteString("Category", logEntry.Category);
            json.WriteString("Message", logEntry.Formatter(logEntry.State, logEntry.Exception));
            if (logEntry.Exception is { } exception)
            {
                json.WriteString("Exception", TextOf(exception, logEntry.LogLevel));
            }

            if (Activity.Current is { } span)
            {
                json.WriteString("TraceId", span.TraceId.ToHexString());
                json.WriteString("SpanId", span.SpanId.ToHexString());
            }

            if (logEntry.State is IReadOnlyCollection<KeyValuePair<string, object?>> values && values.Any(value => value.Key != Template))
            {
                json.WriteStartObject("State");
                foreach (var (name, value) in values.Where(value => value.Key != Template))
                {
                    json.WriteString(name, Convert.ToString(value, CultureInfo.InvariantCulture));
                }

                json.WriteEndObject();
            }

            if (leftOut > 0)
            {
                json.WriteNumber("Omitted", leftOut);
            }

            json.WriteEndObject();
        }

        textWriter.Write(Encoding.UTF8.GetString(bytes.WrittenSpan));
        textWriter.Write(Environment.NewLine);
    }
}
