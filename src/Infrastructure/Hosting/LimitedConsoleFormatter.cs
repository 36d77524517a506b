using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>Writes one line for each message, and a limited number of lines for each event.</summary>
internal abstract class LimitedConsoleFormatter(string name, TimeProvider time) : ConsoleFormatter(name)
{
    /// <summary>
    /// The maximum number of lines of an event per interval. Further lines are counted and omitted, so that neither a fault nor a client can fill
    /// the disk. Debug and Trace are not limited, because an operator enabled them.
    /// </summary>
    public const int MaxLines = 100;

    /// <inheritdoc cref="MaxLines"/>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Category, int Event), Window> windows = new();

    /// <summary>The time of a line: UTC in ISO 8601, with milliseconds.</summary>
    protected string Now => time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    public sealed override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var leftOut = 0L;
        if (logEntry.LogLevel >= LogLevel.Information
            && !windows.GetOrAdd((logEntry.Category, logEntry.EventId.Id), _ => new Window()).MayWrite(time, out leftOut))
        {
            return;
        }

        WriteLine(logEntry, leftOut, textWriter);
    }

    /// <param name="leftOut">The number of lines of this event that were omitted before this one.</param>
    protected abstract void WriteLine<TState>(in LogEntry<TState> logEntry, long leftOut, TextWriter textWriter);

    /// <summary>A warning is about another system, for example a retry every second during an outage. Its stack trace adds nothing.</summary>
    protected static string TextOf(Exception exception, LogLevel level) => level >= LogLevel.Error
        ? exception.ToString()
        : string.Join(" <- ", exception.AndCauses().Select(cause => $"{cause.GetType().Name}: {cause.Message}"));

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
