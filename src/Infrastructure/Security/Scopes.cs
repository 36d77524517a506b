using System.Diagnostics.CodeAnalysis;

namespace ProductCache.Infrastructure.Security;

/// <summary>The scopes of a credential. No scope includes another one, but each of them allows reads.</summary>
public static class Scopes
{
    public const string Read = "products:read";
    public const string Write = "products:write";
    public const string Administer = "cache:admin";

    public static IReadOnlyList<string> All { get; } = [Read, Write, Administer];

    public static string Rule { get; } = $"scopes must be a comma-separated list of {string.Join(", ", All)}, each at most once.";

    public static bool TryRead(string text, [NotNullWhen(true)] out IReadOnlyList<string>? scopes)
    {
        var words = text.Split(',');
        scopes = words.All(All.Contains) && words.Distinct().Count() == words.Length ? words : null;
        return scopes is not null;
    }
}
