using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ProductCache.Bench;

/// <summary>
/// Prints what the benches measured. With a folder it also writes their charts there, and their tables into the page beside it:
/// docs/benchmarks and docs/benchmarks.md. Generated text stands between markers, so that another run replaces it and nothing else.
/// </summary>
internal sealed class Report(string? folder)
{
    private const string MachinePart = "machine";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private string Page => $"{folder}.md";

    /// <summary>Runs a bench and reports what it measured.</summary>
    /// <param name="printed">The bench has printed it already.</param>
    public async Task RunAsync(string bench, Func<Task<Section>> measure, bool printed = false)
    {
        var load = Machine.LoadAverage;
        var began = Stopwatch.GetTimestamp();
        var section = await measure();
        var took = Stopwatch.GetElapsedTime(began);
        if (!printed)
        {
            Console.WriteLine($"\n{section.ToText()}");
        }

        if (folder is not null)
        {
            Write(bench, section, load, took);
        }
    }

    /// <summary>Replaces the text between the markers of a part, or adds the part at the end of the page.</summary>
    internal static string Replace(string page, string part, string text)
    {
        var (begin, end) = ($"<!-- generated: {part} -->", $"<!-- end: {part} -->");
        var generated = $"{begin}\n{text.Trim()}\n{end}";
        var from = page.IndexOf(begin, StringComparison.Ordinal);
        var to = from < 0 ? -1 : page.IndexOf(end, from, StringComparison.Ordinal);
        return to < 0
            ? $"{page.TrimEnd()}\n\n## {part}\n\n{generated}\n"
            : $"{page[..from]}{generated}{page[(to + end.Length)..]}";
    }

    private void Write(string bench, Section section, string load, TimeSpan took)
    {
        Directory.CreateDirectory(folder!);
        foreach (var chart in section.Tables.SelectMany(table => table.Charts))
        {
            File.WriteAllText(Path.Combine(folder!, $"{chart.File}.svg"), chart.ToSvg(), Utf8);
        }

        var page = File.Exists(Page) ? File.ReadAllText(Page) : "# Benchmarks\n";
        page = Replace(page, MachinePart, Machine.Describe());
        File.WriteAllText(Page, Replace(page, bench, Markdown(bench, section, load, took)), Utf8);
    }

    private string Markdown(string bench, Section section, string load, TimeSpan took)
    {
        var text = new StringBuilder($"{section.Method}\n");
        foreach (var table in section.Tables)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{table.ToMarkdown()}");
            foreach (var chart in table.Charts)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n![{chart.Title}]({Path.GetFileName(folder)}/{chart.File}.svg)\n");
            }
        }

        if (section.Remark is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{section.Remark}\n");
        }

        return text.Append(
            CultureInfo.InvariantCulture,
            $"""

             Measured {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC on {Machine.Short}, {Machine.Commit()}; load average before it {load}.
             Repeat with `./run bench {bench} --out docs/benchmarks`; it took {took.TotalSeconds:0} s.
             """).ToString();
    }
}
