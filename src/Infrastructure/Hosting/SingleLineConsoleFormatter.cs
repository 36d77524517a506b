using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Writes each message on one line: <c>2026-11-24T14:20:31.123Z warn: Category[200] message exception trace=…</c>, the last one where
/// spans are recorded. The formatter of the framework does
/// not escape control characters, which may come from requests.
/// </summary>
internal sealed class SingleLineConsoleFormatter(TimeProvider time) : LimitedConsoleFormatter(FormatterName, time)
{
    public const string FormatterName = "lines";

    protected override void WriteLine<TState>(in LogEntry<TState> logEntry, long leftOut, TextWriter textWriter)
    {
        textWriter.Write(string.Create(CultureInfo.InvariantCulture, $"{Now} {NameOf(logEntry.LogLevel)}: {logEntry.Category}[{logEntry.EventId.Id}] "));
        WriteOnOneLine(logEntry.Formatter(logEntry.State, logEntry.Exception), textWriter);
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write(' ');
            WriteOnOneLine(TextOf(exception, logEntry.LogLevel), textWriter);
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
}
