using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class SingleLineConsoleFormatterTests
{
    private readonly FakeTimeProvider time = new();

    [Test]
    public void AnEventHasSoManyLinesInAnIntervalAndTheNextSaysWhatWasLeftOut()
    {
        var lines = new SingleLineConsoleFormatter(time);

        var written = Enumerable.Range(0, 1_000).Select(_ => Write(lines, LogLevel.Warning, 1)).Where(line => line.Length > 0).ToList();
        var other = Write(lines, LogLevel.Warning, 2);
        time.Advance(LimitedConsoleFormatter.Interval);
        var next = Write(lines, LogLevel.Warning, 1);

        Assert.That(written, Has.Count.EqualTo(LimitedConsoleFormatter.MaxLines));
        Assert.That(other, Is.Not.Empty);
        Assert.That(next, Does.Contain("(900 lines of this event were omitted before this one)"));
        Assert.That(Write(lines, LogLevel.Warning, 1), Does.Not.Contain("omitted"));
    }

    [Test]
    public void WhatAnOperatorAskedForHasNoLimit()
    {
        var lines = new SingleLineConsoleFormatter(time);

        Assert.That(Enumerable.Range(0, 1_000).Select(_ => Write(lines, LogLevel.Debug, 1)), Has.None.Empty);
    }

    private static string Write(SingleLineConsoleFormatter lines, LogLevel level, int id)
    {
        using var text = new StringWriter();
        lines.Write(new LogEntry<string>(level, "Category", new EventId(id), "message", null, (state, _) => state), null, text);
        return text.ToString();
    }
}
