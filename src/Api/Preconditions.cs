using Microsoft.Net.Http.Headers;
using ProductCache.Domain;

namespace ProductCache.Api;

/// <summary>If-Match (RFC 9110, 13.1.1): which versions the writer may have seen.</summary>
internal static class Preconditions
{
    /// <param name="versions">None: any version will do (<c>*</c>, or no condition at all). Weak tags and such as are no version match nothing.</param>
    /// <returns>Whether the header, if it is there, is a list of entity tags.</returns>
    public static bool TryReadIfMatch(IHeaderDictionary headers, out IReadOnlyList<ProductVersion>? versions)
    {
        versions = null;
        if (headers.IfMatch.Count == 0)
        {
            return true;
        }

        if (!EntityTagHeaderValue.TryParseStrictList(headers.IfMatch, out var tags) || tags.Count == 0)
        {
            return false;
        }

        if (tags.Any(tag => tag.Tag == "*"))
        {
            return tags.Count == 1;
        }

        List<ProductVersion> named = [];
        foreach (var tag in tags.Where(tag => !tag.IsWeak))
        {
            if (ProductVersion.TryParse(tag.Tag.Subsegment(1, tag.Tag.Length - 2).ToString(), out var version))
            {
                named.Add(version);
            }
        }

        versions = named;
        return true;
    }
}
