using System.Globalization;
using System.Security;
using System.Text;

namespace ProductCache.Bench;

/// <summary>One bar. Low and High are the ends of its whisker; both are the value where no spread is known.</summary>
/// <param name="Own">The service itself, in the accent colour.</param>
/// <param name="Text">What stands behind the bar; null: the value.</param>
internal sealed record Bar(string Label, double Value, double Low, double High, bool Own = false, string? Text = null)
{
    /// <summary>What is written behind the bar.</summary>
    public string Caption => Text ?? Figures.Number(Value);

    /// <summary>The bar of a p50 whose whisker goes up to the p99.</summary>
    public static Bar OfLatency(string label, double p50, double p99, bool own = false) =>
        new(label, p50, p50, p99, own, $"{Figures.Number(p50)}, p99 {Figures.Number(p99)}");
}

/// <summary>
/// A chart of horizontal bars as SVG: no script, no font of its own, light or dark as the reader's system is.
/// </summary>
/// <param name="File">Its file name, without the extension.</param>
/// <param name="Unit">Of the axis.</param>
/// <param name="Whiskers">What the whiskers span; null where there are none.</param>
internal sealed record BarChart(string File, string Title, string Unit, string? Whiskers, IReadOnlyList<Bar> Bars)
{
    private const int Margin = 16;
    private const int Top = 60;
    private const int RowHeight = 30;
    private const int BarHeight = 16;
    private const int AxisHeight = 48;
    private const int Plot = 420;

    /// <summary>A generous mean of what sans-serif fonts need at 13 px.</summary>
    private const double CharacterWidth = 7.2;

    private const string Style =
        """
        svg { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        .paper { fill: #ffffff; } text { fill: #1f2328; } .title { font-size: 15px; font-weight: 600; } .muted { fill: #59636e; font-size: 12px; }
        .bar { fill: #afb8c1; } .own { fill: #218bff; } .grid { stroke: #d1d9e0; } .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none; }
        @media (prefers-color-scheme: dark) {
          .paper { fill: #0d1117; } text { fill: #f0f6fc; } .muted { fill: #9198a1; }
          .bar { fill: #57606a; } .own { fill: #1f6feb; } .grid { stroke: #3d444d; } .whisker { stroke: #f0f6fc; }
        }
        """;

    public string ToSvg()
    {
        var labelWidth = Bars.Max(bar => bar.Label.Length) * CharacterWidth;
        var left = Margin + labelWidth + 10;
        var step = Step(Bars.Max(bar => bar.High));
        var steps = (int)Math.Ceiling(Bars.Max(bar => bar.High) / step);
        var bottom = Top + (Bars.Count * RowHeight);
        var captionWidth = Bars.Max(bar => bar.Caption.Length) * CharacterWidth;
        var width = left + Plot + 10 + captionWidth + Margin;
        double X(double value) => left + (value / (steps * step) * Plot);

        var svg = new StringBuilder();
        void Add(FormattableString element) => svg.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0} {bottom + AxisHeight}\" width=\"{width:0}\"");
        Add($"  role=\"img\" aria-labelledby=\"title description\">");
        Add($"<title id=\"title\">{Escape(Title)}</title>");
        Add($"<desc id=\"description\">{Escape(string.Join("; ", Bars.Select(bar => $"{bar.Label}: {bar.Caption} {Unit}")))}</desc>");
        Add($"<style>\n{Style}\n</style>");
        Add($"<rect class=\"paper\" width=\"100%\" height=\"100%\"/>");
        Add($"<text class=\"title\" x=\"{Margin}\" y=\"26\">{Escape(Title)}</text>");
        if (Whiskers is not null)
        {
            Add($"<text class=\"muted\" x=\"{Margin}\" y=\"46\">{Escape(Whiskers)}</text>");
        }

        for (var tick = 0; tick <= steps; tick++)
        {
            var x = X(tick * step);
            Add($"<line class=\"grid\" x1=\"{x:0.0}\" x2=\"{x:0.0}\" y1=\"{Top}\" y2=\"{bottom}\"/>");
            Add($"<text class=\"muted\" x=\"{x:0.0}\" y=\"{bottom + 17}\" text-anchor=\"middle\">{tick * step:#,##0.###}</text>");
        }

        Add($"<text class=\"muted\" x=\"{left + (Plot / 2):0}\" y=\"{bottom + 36}\" text-anchor=\"middle\">{Escape(Unit)}</text>");
        for (var row = 0; row < Bars.Count; row++)
        {
            var bar = Bars[row];
            var middle = Top + (row * RowHeight) + (RowHeight / 2);
            Add($"<text x=\"{left - 10:0}\" y=\"{middle + 4}\" text-anchor=\"end\">{Escape(bar.Label)}</text>");
            var (style, length) = (bar.Own ? "own" : "bar", Math.Max(1, X(bar.Value) - left));
            Add($"<rect class=\"{style}\" x=\"{left:0.0}\" y=\"{middle - (BarHeight / 2)}\" width=\"{length:0.0}\" height=\"{BarHeight}\"/>");
            if (bar.High > bar.Low)
            {
                Add($"<path class=\"whisker\" d=\"M{X(bar.Low):0.0} {middle - 5}v10m0-5H{X(bar.High):0.0}m0-5v10\"/>");
            }

            Add($"<text x=\"{Math.Max(X(bar.Value), X(bar.High)) + 8:0.0}\" y=\"{middle + 4}\">{Escape(bar.Caption)}</text>");
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>1, 2 or 5 times a power of ten, so that the axis has four to eight steps.</summary>
    private static double Step(double highest)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(highest)));
        return (highest / power) switch
        {
            < 1.6 => power / 5,
            < 4 => power / 2,
            < 8 => power,
            _ => power * 2,
        };
    }

    private static string Escape(string text) => SecurityElement.Escape(text);
}
