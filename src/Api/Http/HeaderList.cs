using System.Text;

namespace ProductCache.Api.Http;

/// <summary>
/// The members of a list header (RFC 9110, 5.6.1). An invalid member does not invalidate the others. The parsers of the framework are not
/// used, because they reject the whole list.
/// </summary>
internal static class HeaderList
{
    /// <summary>Splits at commas outside of quoted strings. A quote without a closing quote is an ordinary character.</summary>
    /// <param name="escapes">True: a backslash in a quoted string escapes the next character. False for entity tags.</param>
    public static IEnumerable<string> Split(IEnumerable<string?> lines, bool escapes = true) => lines.OfType<string>().SelectMany(line => Split(line, escapes));

    /// <summary>A name and its optional value: <c>name</c>, <c>name=token</c> or <c>name="quoted string"</c>.</summary>
    public static (string Name, string? Value) ReadPair(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (text.Trim(), null) : (text[..equals].Trim(), Unquote(text[(equals + 1)..].Trim()));
    }

    private static IEnumerable<string> Split(string line, bool escapes)
    {
        var start = 0;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == ',')
            {
                yield return line[start..i];
                start = i + 1;
            }
            else if (line[i] == '"' && EndOfQuoted(line, i, escapes) is var end and >= 0)
            {
                i = end;
            }
        }

        yield return line[start..];
    }

    // RFC 9110, 5.6.4. Returns -1 if the quoted string does not end.
    private static int EndOfQuoted(string text, int start, bool escapes)
    {
        for (var i = start + 1; i < text.Length; i++)
        {
            if (text[i] == '"')
            {
                return i;
            }

            if (text[i] == '\\' && escapes)
            {
                i++;
            }
        }

        return -1;
    }

    private static string Unquote(string text)
    {
        if (text.Length < 2 || text[0] != '"' || EndOfQuoted(text, 0, escapes: true) != text.Length - 1)
        {
            return text;
        }

        var inner = text[1..^1];
        if (!inner.Contains('\\', StringComparison.Ordinal))
        {
            return inner;
        }

        var unescaped = new StringBuilder(inner.Length);
        for (var i = 0; i < inner.Length; i++)
        {
            unescaped.Append(inner[i] == '\\' ? inner[++i] : inner[i]);
        }

        return unescaped.ToString();
    }
}
