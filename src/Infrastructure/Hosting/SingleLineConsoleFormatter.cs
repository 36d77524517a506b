using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Writes each message on one line: <c>2026-11-24T14:20:31.123Z warn: Category[200] message exception trace=…</c>, the last one where
/// spans are recorded. The formatter of the framework does
/// not escape control characters, which may come from requests.
/// </summary>
internal sealed class SingleLineConsoleFormatter(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "lines";

    /// <summary>
    /// The maximum number of lines of an event per interval. Further lines are counted and omitted, so that neither a fault nor a client can fill
    /// the disk. Debug and Trace are not limited, because an operator enabled them.
    /// </summary>
    public const int MaxLines = 100;

    /// <inheritdoc cref="MaxLines"/>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Category, int Event), Window> windows = new();

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var leftOut = 0L;
        if (logEntry.LogLevel >= LogLevel.Information
            && !windows.GetOrAdd((logEntry.Category, logEntry.EventId.Id), _ => new Window()).MayWrite(time, out leftOut))
        {
            return;
        }

        textWriter.Write(string.Create(
            CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {NameOf(logEntry.LogLevel)}: {logEntry.Category}[{logEntry.EventId.Id}] "));
        WriteOnOneLine(logEntry.Formatter(logEntry.State, logEntry.Exception), textWriter);
        if (logEntry.Exception is { } exception)
        {
            // A warning is about another system, for example a retry every second during an outage. Its stack trace adds nothing.
            textWriter.Write(' ');
            WriteOnOneLine(logEntry.LogLevel >= LogLevel.Error ? exception.ToString() : MessagesOf(exception), textWriter);
        }

        if (Activity.Current is { } span)
        {
            textWriter.Write($" trace={span.TraceId}");
        }

        if (leftOut > 0)
        {
            textWriter.Write(string.Create(CultureInfo.InvariantCulture, $" ({leftOut} lines of this event were omitted before this one)"));
        }

        textWriter.Write(Environment.NewLine);
    }

    private static string MessagesOf(Exception exception) =>
        string.Join(" <- ", exception.AndCauses().Select(cause => $"{cause.GetType().Name}: {cause.Message}"));

    private static void WriteOnOneLine(string text, TextWriter writer)
    {
        foreach (var character in text)
        {
            if (character == '\n')
            {
                writer.Write(' ');
            }
            else if (IsInterpreted(character))
            {
                writer.Write($"\\u{(int)character:x4}");
            }
            else
            {
                writer.Write(character);
            }
        }
    }

    // A terminal interprets these characters: as control sequences, line ends or changes of the text direction.
    private static bool IsInterpreted(char character) => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };

    private sealed class Window
    {
        private readonly Lock gate = new();
        private long began;
        private long leftOut;
        private int written;

        public bool MayWrite(TimeProvider time, out long before)
        {
            lock (gate)
            {
                before = 0;
                if (written == 0 || time.GetElapsedTime(began) >= Interval)
                {
                    (began, written, before, leftOut) = (time.GetTimestamp(), 1, leftOut, 0);
                    return true;
                }

                if (written < MaxLines)
                {
                    written++;
                    return true;
                }

                leftOut++;
                return false;
            }
        }
    }
}
