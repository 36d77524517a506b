using System.Globalization;

namespace ProductCache.Api;

/// <summary>The Prefer header (RFC 7240): wait=N holds an answer back for up to N seconds. What cannot be read is ignored, as it demands.</summary>
internal static class Preferences
{
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    public static TimeSpan? ReadWait(IHeaderDictionary headers)
    {
        foreach (var line in headers["Prefer"])
        {
            foreach (var preference in Split(line ?? string.Empty))
            {
                // Parameters of a preference follow a semicolon; wait has none.
                var parts = preference.Split(';', 2)[0].Split('=', 2, StringSplitOptions.TrimEntries);
                if (parts is [var name, var value] && name.Equals("wait", StringComparison.OrdinalIgnoreCase) && Seconds(value) is { } wait)
                {
                    return wait;
                }
            }
        }

        return null;
    }

    public static void Applied(IHeaderDictionary headers, TimeSpan? wait)
    {
        if (wait > TimeSpan.Zero)
        {
            headers["Preference-Applied"] = string.Create(CultureInfo.InvariantCulture, $"wait={(int)wait.Value.TotalSeconds}");
        }
    }

    // At commas, but not at those inside quotes.
    private static IEnumerable<string> Split(string line)
    {
        var (start, quoted) = (0, false);
        for (var i = 0; i < line.Length; i++)
        {
            quoted ^= line[i] == '"';
            if (line[i] == ',' && !quoted)
            {
                yield return line[start..i];
                start = i + 1;
            }
        }

        yield return line[start..];
    }

    private static TimeSpan? Seconds(string text)
    {
        if (text is ['"', .. var inner, '"'])
        {
            text = inner;
        }

        if (text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return null;
        }

        // A number beyond an int is beyond the longest wait as well.
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < MaxWait.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : MaxWait;
    }
}
