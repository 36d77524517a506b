using System.Globalization;

namespace ProductCache.Api.Http;

/// <summary>The Prefer header (RFC 7240). wait=N delays the response for up to N seconds; respond-async does not delay it. Invalid preferences are ignored.</summary>
internal static class PreferHeader
{
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    /// <returns>Null: the request has no preference. A wait counts more than respond-async, which prefers an answer at once.</returns>
    public static TimeSpan? ReadWait(IHeaderDictionary headers)
    {
        TimeSpan? preferred = null;
        foreach (var preference in HeaderList.Split(headers["Prefer"]))
        {
            // Parameters of a preference follow a semicolon. wait and respond-async have no parameters.
            var (name, value) = HeaderList.ReadPair(preference.Split(';', 2)[0]);
            if (name.Equals("wait", StringComparison.OrdinalIgnoreCase) && value is not null && Seconds(value) is { } wait)
            {
                return wait;
            }

            if (name.Equals("respond-async", StringComparison.OrdinalIgnoreCase))
            {
                preferred = TimeSpan.Zero;
            }
        }

        return preferred;
    }

    public static void Applied(IHeaderDictionary headers, TimeSpan? wait)
    {
        if (wait > TimeSpan.Zero)
        {
            headers["Preference-Applied"] = string.Create(CultureInfo.InvariantCulture, $"wait={(int)wait.Value.TotalSeconds}");
        }
    }

    private static TimeSpan? Seconds(string text)
    {
        if (text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return null;
        }

        // A number that does not fit into an int exceeds the maximum wait.
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < MaxWait.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : MaxWait;
    }
}
