using System.Diagnostics;
using ProductCache.Application;

namespace ProductCache.Api.Console;

/// <summary>Gives a request of a watched trace its first span, also where traces are not exported. Other requests pay for the look at one header.</summary>
internal static class WatchedRequests
{
    private const string Start = $"00-{IWatchedTraces.Prefix}";

    public static void UseWatchedRequests(this WebApplication application) => application.Use((http, next) =>
        http.Request.Headers.TraceParent is [{ } parent] && parent.StartsWith(Start, StringComparison.Ordinal) ? WatchAsync(http, parent, next) : next(http));

    private static async Task WatchAsync(HttpContext http, string parent, RequestDelegate next)
    {
        var request = Activity.Current;
        using (var span = ProductCacheSpans.Begin($"{http.Request.Method} {http.Request.Path}", ActivityKind.Server, ProductCacheSpans.ReadTraceParent(parent)))
        {
            await next(http);
            var status = (string?)http.Response.Headers["Cache-Status"];
            span?.SetTag("productcache.detail", status is null ? $"{http.Response.StatusCode}" : $"{http.Response.StatusCode}, {status}");
        }

        Activity.Current = request;
    }
}
