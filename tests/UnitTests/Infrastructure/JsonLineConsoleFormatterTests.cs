using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class JsonLineConsoleFormatterTests
{
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 11, 24, 14, 20, 31, 123, TimeSpan.Zero));

    [Test]
    public void ALineHasTheTimeTheEventTheMessageAndItsValues()
    {
        var line = JsonNode.Parse(Write(LogLevel.Warning, "line 1\nline 2\u202e"))!;

        Assert.That(line.ToJsonString(), Is.EqualTo(JsonNode.Parse(
            """
            {"Timestamp":"2026-11-24T14:20:31.123Z","EventId":7,"LogLevel":"Warning","Category":"Category","Message":"line 1\nline 2\u202e","State":{"Count":"3"}}
            """)!.ToJsonString()));
    }

    [Test]
    public void NothingInALineEndsItOrIsInterpretedByATerminal()
    {
        var line = Write(LogLevel.Warning, "a\nb\r\u2028\u001b[31m\u202e");

        Assert.That(line, Does.EndWith($"}}{Environment.NewLine}"));
        Assert.That(line.TrimEnd().Where(character => char.IsControl(character) || character > '~'), Is.Empty);
    }

    [Test]
    public void ALineOfATraceHasItsIdentifiers()
    {
        using var span = new Activity("request");
        span.SetIdFormat(ActivityIdFormat.W3C).Start();

        var line = JsonNode.Parse(Write(LogLevel.Information, "message"))!;

        Assert.That(((string?)line["TraceId"], (string?)line["SpanId"]), Is.EqualTo(((string?)span.TraceId.ToHexString(), (string?)span.SpanId.ToHexString())));
    }

    [TestCase(LogLevel.Warning, "InvalidOperationException: outer <- FormatException: inner")]
    [TestCase(LogLevel.Error, "System.InvalidOperationException: outer\n ---> System.FormatException: inner\n   --- End of inner exception stack trace ---")]
    public void OnlyAnErrorHasAStackTrace(LogLevel level, string text) =>
        Assert.That(
            ((string)JsonNode.Parse(Write(level, "message", new InvalidOperationException("outer", new FormatException("inner"))))!["Exception"]!).ReplaceLineEndings("\n"),
            Is.EqualTo(text));

    [Test]
    public void AnEventHasSoManyLinesInAnIntervalAndTheNextSaysWhatWasLeftOut()
    {
        var lines = new JsonLineConsoleFormatter(time);
        var written = Enumerable.Range(0, 1_000).Select(_ => Write(LogLevel.Warning, "message", lines: lines)).Count(line => line.Length > 0);
        time.Advance(LimitedConsoleFormatter.Interval);

        Assert.That(written, Is.EqualTo(LimitedConsoleFormatter.MaxLines));
        Assert.That((int?)JsonNode.Parse(Write(LogLevel.Warning, "message", lines: lines))!["Omitted"], Is.EqualTo(900));
    }

    private string Write(LogLevel level, string message, Exception? exception = null, JsonLineConsoleFormatter? lines = null)
    {
        using var text = new StringWriter();
        KeyValuePair<string, object?>[] state = [new("Count", 3), new("{OriginalFormat}", "{Count}")];
        (lines ?? new JsonLineConsoleFormatter(time)).Write(
            new LogEntry<KeyValuePair<string, object?>[]>(level, "Category", new EventId(7), state, exception, (_, _) => message), null, text);
        return text.ToString();
    }
}
