using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>The format of the log lines: text for people, JSON for collectors.</summary>
public static class LogFormat
{
    public const string Setting = "LOG_FORMAT";
    public const string Text = "text";
    public const string Json = "json";

    /// <summary>Set by the images of .NET.</summary>
    private const string InContainer = "DOTNET_RUNNING_IN_CONTAINER";

    /// <summary>LOG_FORMAT. Without it, JSON in a container, whose lines a collector reads, and else text.</summary>
    internal static string Read(Settings settings) =>
        settings.OneOf(Setting, bool.TryParse(settings.Text(InContainer, string.Empty), out var inContainer) && inContainer ? [Json, Text] : [Text, Json]);

    internal static void AddLines(this ILoggingBuilder logging, string format)
    {
        logging.AddConsole(console => console.FormatterName = format == Json ? JsonLineConsoleFormatter.FormatterName : SingleLineConsoleFormatter.FormatterName);
        logging.AddConsoleFormatter<SingleLineConsoleFormatter, ConsoleFormatterOptions>();
        logging.AddConsoleFormatter<JsonLineConsoleFormatter, ConsoleFormatterOptions>();
    }
}
