using Microsoft.Extensions.Primitives;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>The value of If-Match or If-None-Match (RFC 9110, 13.1): entity tags, or *.</summary>
internal sealed class EntityTags
{
    private const string WeakPrefix = "W/";

    /// <summary>At the end of the tag of a compressed representation, as servers and proxies that compress write it.</summary>
    private const string CompressedSuffix = "-gzip";

    private readonly List<string> tags = [];

    private EntityTags(StringValues lines)
    {
        foreach (var member in HeaderList.Split(lines, escapes: false))
        {
            var tag = member.Trim();
            if (tag.Length == 0)
            {
                // RFC 9110, 5.6.1.2: empty members are ignored.
                continue;
            }

            if (tag == "*" || IsTag(tag))
            {
                tags.Add(tag);
            }
            else
            {
                IsMalformed = true;
            }
        }

        IsAny = tags is ["*"] && !IsMalformed;
        IsMalformed |= tags.Count == 0 || (tags.Contains("*") && !IsAny);
    }

    /// <summary>A member is not an entity tag, or the list is empty. The valid members can still be matched.</summary>
    public bool IsMalformed { get; }

    public bool IsAny { get; }

    /// <returns>Null if the header is absent.</returns>
    public static EntityTags? Read(StringValues lines) => lines.Count == 0 ? null : new EntityTags(lines);

    /// <summary>The tag of the same version in its compressed representation.</summary>
    public static string OfCompressed(string tag) => $"{tag[..^1]}{CompressedSuffix}\"";

    /// <summary>RFC 9110, 8.8.3.2: a weak tag matches nothing.</summary>
    public bool MatchesStrongly(string tag) => IsAny || tags.Contains(tag);

    /// <summary>RFC 9110, 8.8.3.2: weak tags match too.</summary>
    public bool MatchesWeakly(string tag) => IsAny || tags.Any(member => OpaqueOf(member) == tag);

    /// <summary>The tags that are product versions. Other tags match no product.</summary>
    public List<ProductVersion> Versions(bool alsoOfWeakTags)
    {
        List<ProductVersion> versions = [];
        foreach (var tag in tags.Where(tag => tag != "*" && (alsoOfWeakTags || !tag.StartsWith(WeakPrefix, StringComparison.Ordinal))))
        {
            var text = OpaqueOf(tag)[1..^1];
            if (ProductVersion.TryParse(text.EndsWith(CompressedSuffix, StringComparison.Ordinal) ? text[..^CompressedSuffix.Length] : text, out var version))
            {
                versions.Add(version);
            }
        }

        return versions;
    }

    private static string OpaqueOf(string tag) => tag.StartsWith(WeakPrefix, StringComparison.Ordinal) ? tag[WeakPrefix.Length..] : tag;

    // RFC 9110, 8.8.3: no quote, space or control character between the quotes.
    private static bool IsTag(string text) =>
        OpaqueOf(text) is ['"', .. var inner, '"'] && !inner.Any(character => character is '"' or <= ' ' or '\x7f');
}
