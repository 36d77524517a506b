using System.Globalization;
using System.Text;

namespace ProductCache.Bench;

/// <summary>Makes a section of what a bench prints, for benches that print their tables themselves.</summary>
internal static class PrintedSection
{
    /// <summary>Runs the bench while its output goes on to the console.</summary>
    public static async Task<string> CaptureAsync(Func<Task> bench)
    {
        var console = Console.Out;
        await using var copy = new CopyingWriter(console);
        Console.SetOut(copy);
        try
        {
            await bench();
        }
        finally
        {
            Console.SetOut(console);
        }

        return copy.Copy;
    }

    /// <summary>Lines that begin with | are tables, the first other line says what was measured, and the rest are remarks.</summary>
    /// <param name="ownPrefixes">How the rows of what this repository makes begin.</param>
    public static Section Parse(string bench, string printed, IReadOnlyCollection<string> ownPrefixes)
    {
        List<ReportTable> tables = [];
        List<string> text = [];
        List<string[]> rows = [];
        foreach (var line in printed.Split('\n').Append(""))
        {
            if (line.StartsWith('|'))
            {
                rows.Add([.. line.Trim().Trim('|').Split('|').Select(cell => cell.Trim())]);
                continue;
            }

            if (rows.Count > 2)
            {
                tables.Add(Table($"{bench}-{tables.Count + 1}", rows, ownPrefixes));
            }

            rows = [];
            if (!string.IsNullOrWhiteSpace(line))
            {
                text.Add(line.Trim());
            }
        }

        var (title, method) = text.FirstOrDefault("").Split(':', 2) is [var before, var after] ? (before, $"{after.Trim()}.") : (bench, "");
        return new Section(title, Capitalised(method), tables, text.Count > 1 ? string.Join('\n', text.Skip(1)) : null);
    }

    private static ReportTable Table(string file, List<string[]> rows, IReadOnlyCollection<string> ownPrefixes)
    {
        var columns = rows[0];
        var body = rows[2..];
        List<Bar> bars = [];
        foreach (var row in body)
        {
            if (double.TryParse(row[1], NumberStyles.Number, CultureInfo.InvariantCulture, out var value))
            {
                bars.Add(new Bar(row[0], value, value, value, ownPrefixes.Any(prefix => row[0].StartsWith(prefix, StringComparison.Ordinal))));
            }
        }

        return bars.Count < 2
            ? new ReportTable(columns, body)
            : new ReportTable(columns, body, new BarChart(file, Capitalised(columns[0]), columns[1], null, bars));
    }

    private static string Capitalised(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    private sealed class CopyingWriter(TextWriter original) : TextWriter
    {
        private readonly StringBuilder copy = new();

        public override Encoding Encoding => original.Encoding;

        public string Copy => copy.ToString();

        public override void Write(char value)
        {
            original.Write(value);
            copy.Append(value);
        }

        public override void Write(string? value)
        {
            original.Write(value);
            copy.Append(value);
        }

        public override void WriteLine(string? value) => Write(value + "\n");

        public override void Flush() => original.Flush();
    }
}
