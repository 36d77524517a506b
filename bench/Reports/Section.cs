using System.Globalization;
using System.Text;

namespace ProductCache.Bench;

/// <summary>What one bench measured.</summary>
/// <param name="Title">What was measured.</param>
/// <param name="Method">How: rounds, load, servers.</param>
/// <param name="Remark">What belongs to the tables but fits into none of them.</param>
internal sealed record Section(string Title, string Method, IReadOnlyList<ReportTable> Tables, string? Remark = null)
{
    /// <summary>Text and tables, without charts.</summary>
    public string ToText()
    {
        var text = new StringBuilder($"{Title}. {Method}\n");
        foreach (var table in Tables)
        {
            text.Append('\n').Append(table.ToMarkdown());
        }

        return (Remark is null ? text : text.Append(CultureInfo.InvariantCulture, $"\n{Remark}\n")).ToString();
    }
}

/// <summary>A table of Markdown and the charts that show it.</summary>
internal sealed record ReportTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows, params IReadOnlyList<BarChart> Charts)
{
    /// <summary>The first column is text, the others are numbers and stand at the right.</summary>
    public string ToMarkdown()
    {
        var lines = Rows
            .Prepend([.. Columns.Select((_, column) => column == 0 ? "---" : "---:")])
            .Prepend(Columns)
            .Select(cells => $"| {string.Join(" | ", cells)} |\n");
        return string.Concat(lines);
    }
}

/// <summary>Numbers as the tables and charts write them.</summary>
internal static class Figures
{
    /// <summary>Three significant digits where the number is small, none behind the point where it is large.</summary>
    public static string Number(double value) => value.ToString(
        Math.Abs(value) switch
        {
            0 => "0",
            >= 100 => "N0",
            >= 10 => "0.0",
            >= 1 => "0.00",
            _ => "0.000",
        },
        CultureInfo.InvariantCulture);

    public static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
