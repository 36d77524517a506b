using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Primitives;
using ProductCache.Api.Console;
using ProductCache.Api.Http;
using ProductCache.Api.OpenApi;

namespace ProductCache.Api;

/// <summary>GET /: the entry point. Links in JSON; a browser gets the console page, or is redirected to the documentation page.</summary>
internal static class Root
{
    public const string Path = "/";

    private const string Json = RequestBody.Json;
    private const string Html = "text/html";

    /// <param name="prefix">The path prefix of the proxy, or empty.</param>
    public static JsonObject Document(string prefix) => new()
    {
        ["name"] = "ProductCache",
        ["links"] = new JsonObject
        {
            ["product"] = $"{prefix}/api/v1/products/{{id}}",
            ["products"] = $"{prefix}/api/v1/products",
            ["docs"] = $"{prefix}{ApiDescription.PageRoute}/",
            ["openapi"] = $"{prefix}{ApiDescription.DocumentRoute}",
            ["health"] = $"{prefix}/health/ready",
        },
    };

    public static Results<ContentHttpResult, FileContentHttpResult, RedirectHttpResult> Get(HttpContext http, ConsoleOptions console)
    {
        var prefix = http.Request.PathBase.ToUriComponent();
        http.Response.Headers.Vary = StringValues.Concat(http.Response.Headers.Vary, "Accept");
        return !PrefersHtml(http.Request.Headers.Accept)
            ? TypedResults.Content(Document(prefix).ToJsonString(), $"{Json}; charset=utf-8")
            : console.IsOn ? ConsolePage.Get(http)
            : TypedResults.Redirect($"{prefix}{ApiDescription.PageRoute}/");
    }

    // RFC 9110, 12.5.1. curl and HTTP libraries accept any type or send no Accept: they get JSON.
    internal static bool PrefersHtml(StringValues accept)
    {
        var (html, json) = (0.0, 0.0);
        var (htmlRank, jsonRank) = (-1, -1);
        foreach (var member in HeaderList.Split(accept))
        {
            var parts = member.Split(';', StringSplitOptions.TrimEntries);
            var quality = QualityOf(parts);
            Take(parts[0], Html, quality, ref html, ref htmlRank);
            Take(parts[0], Json, quality, ref json, ref jsonRank);
        }

        return html > json;
    }

    // The most specific media range applies.
    private static void Take(string range, string type, double quality, ref double best, ref int bestRank)
    {
        var rank = range.Equals(type, StringComparison.OrdinalIgnoreCase) ? 2
            : range.Equals($"{type.Split('/')[0]}/*", StringComparison.OrdinalIgnoreCase) ? 1
            : range == "*/*" ? 0
            : -1;
        if (rank > bestRank)
        {
            (best, bestRank) = (quality, rank);
        }
    }

    // An invalid weight is treated as 0.
    private static double QualityOf(string[] parts)
    {
        var weight = parts.Skip(1).Select(HeaderList.ReadPair).FirstOrDefault(pair => pair.Name.Equals("q", StringComparison.OrdinalIgnoreCase));
        return weight.Name is null ? 1
            : double.TryParse(weight.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var quality) ? Math.Min(quality, 1)
            : 0;
    }
}
