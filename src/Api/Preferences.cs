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
            foreach (var preference in (line ?? string.Empty).Split(',', StringSplitOptions.TrimEntries))
            {
                // Parameters of a preference follow a semicolon; wait has none.
                var parts = preference.Split(';', 2)[0].Split('=', 2, StringSplitOptions.TrimEntries);
                if (parts is ["wait" or "Wait" or "WAIT", var text]
                    && int.TryParse(text.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                {
                    return TimeSpan.FromSeconds(Math.Min(seconds, (int)MaxWait.TotalSeconds));
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
}
