using System.Text;
using System.Text.RegularExpressions;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>A block of commands of a Markdown file, and the output that the block after it promises.</summary>
/// <param name="Output">Null: nothing is promised. <c>…</c> stands for any text.</param>
internal sealed partial record DocumentedCommands(string Document, int Line, string Commands, string? Output)
{
    /// <summary>A second run has the same effect as one, and the first output is not the only one that is right.</summary>
    public bool IsRepeatable => Output?.Contains("fwd=miss", StringComparison.Ordinal) != true && !WritesOverHttp().IsMatch(Commands);

    /// <summary>All blocks marked <c>sh</c>, in their order.</summary>
    public static IReadOnlyList<DocumentedCommands> Of(string document)
    {
        List<DocumentedCommands> found = [];
        string? language = null;
        StringBuilder text = new();
        var first = 0;
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, document));
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                text.Append(lines[i]).Append('\n');
                continue;
            }

            if (language is null)
            {
                (language, first) = (lines[i][3..], i + 2);
                text.Clear();
                continue;
            }

            if (language == "sh")
            {
                found.Add(new DocumentedCommands(document, first, text.ToString(), null));
            }
            else if (language == "text" && found is [.., { Output: null } commands])
            {
                found[^1] = commands with { Output = text.ToString().Trim() };
            }

            language = null;
        }

        return found;
    }

    public bool IsMetBy(string output) =>
        Output is null || Regex.IsMatch(output.ReplaceLineEndings("\n"), Regex.Escape(Output).Replace("…", "[\\s\\S]*?", StringComparison.Ordinal));

    public override string ToString() => $"{Document}:{Line}";

    [GeneratedRegex(@"^curl[^|]* -(X|d) ", RegexOptions.Multiline)]
    private static partial Regex WritesOverHttp();
}
