using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Console;

/// <summary>API_CONSOLE.</summary>
/// <param name="IsOn">Whether browsers get the console page at /.</param>
/// <param name="IsOpen">Whether every client may read its data. Else as /metrics: this machine, the scope cache:admin.</param>
internal sealed record ConsoleOptions(bool IsOn, bool IsOpen)
{
    public const string Setting = "API_CONSOLE";

    private const string Protected = "protected";
    private const string Open = "open";
    private const string Off = "off";

    public static ConsoleOptions Read(Settings settings)
    {
        var text = settings.OneOf(Setting, Protected, Open, Off);
        return new ConsoleOptions(text != Off, text == Open);
    }
}

/// <summary>The files of the console page, which are part of the program. The page loads nothing from other servers.</summary>
internal static class ConsolePage
{
    public const string Path = "/console";

    private const string Html = "index.html";
    private const string Resources = "console/";

    // Scripts and styles are files of their own, so none may stand in the page.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    private static readonly Dictionary<string, string> MediaTypes = new()
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    private static readonly Dictionary<string, ConsoleFile> Files = typeof(ConsolePage).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Resources, StringComparison.Ordinal))
        .ToDictionary(name => name[Resources.Length..], Load);

    /// <summary>The page itself.</summary>
    public static FileContentHttpResult Get(HttpContext http)
    {
        http.Response.Headers.ContentSecurityPolicy = Policy;
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        return Send(http, Files[Html]);
    }

    /// <summary>One of its scripts and styles.</summary>
    public static Results<FileContentHttpResult, NotFound> GetFile(string file, HttpContext http) =>
        file != Html && Files.TryGetValue(file, out var found) ? Send(http, found) : TypedResults.NotFound();

    private static FileContentHttpResult Send(HttpContext http, ConsoleFile file)
    {
        http.Response.Headers.CacheControl = "no-cache";
        return TypedResults.File(file.Content, file.MediaType, entityTag: file.Tag);
    }

    private static ConsoleFile Load(string name)
    {
        using var stream = typeof(ConsolePage).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new ConsoleFile(
            content, MediaTypes[System.IO.Path.GetExtension(name)], new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 8))}\""));
    }

    private sealed record ConsoleFile(byte[] Content, string MediaType, EntityTagHeaderValue Tag);
}
