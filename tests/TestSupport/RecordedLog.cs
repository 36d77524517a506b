using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ProductCache.TestSupport;

/// <summary>Keeps what is logged.</summary>
/// <param name="ids">The events that are kept. None named: all.</param>
public sealed class RecordedLog(params int[] ids) : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> events = new();

    /// <summary>Message and exception of each event.</summary>
    public IEnumerable<string> Lines => events.Select(line => line.Text);

    /// <summary>The same, after the level.</summary>
    public IEnumerable<string> LinesWithLevel => events.Select(line => $"{line.Level} {line.Text}");

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (ids.Length == 0 || ids.Contains(eventId.Id))
        {
            events.Enqueue((logLevel, $"{formatter(state, exception)}{exception}"));
        }
    }

    public void Dispose()
    {
    }
}
