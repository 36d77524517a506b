using System.Diagnostics;

namespace ProductCache.Application;

/// <summary>
/// The spans of the steps that no library knows: those on the cache, the relay, and the drop of near copies. A hit has none, so that it costs
/// nothing. Without a listener a step has no span either.
/// </summary>
public static class ProductCacheSpans
{
    /// <summary>The name of the source, for AddSource of OpenTelemetry.</summary>
    public const string SourceName = "ProductCache";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A step of the current trace. Null: nothing is traced.</summary>
    /// <param name="products">The number of products that the step concerns.</param>
    public static Activity? Step(string name, int products = 1) =>
        Activity.Current is null ? null : Source.StartActivity(name)?.SetTag("productcache.products", products);

    /// <summary>The first step of this process in a trace that came from elsewhere. Null: nothing is traced.</summary>
    /// <param name="parent">The span that this step follows; default: the step begins a trace of its own.</param>
    public static Activity? Begin(string name, ActivityKind kind, ActivityContext parent, int products = 1)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        // Otherwise a step without a parent would belong to whatever the caller does.
        Activity.Current = null;
        return Source.StartActivity(name, kind, parent)?.SetTag("productcache.products", products);
    }

    /// <summary>The context of the current span in the format of the W3C. Null: it is not recorded.</summary>
    public static string? CurrentTraceParent => Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } span ? span.Id : null;

    /// <summary>Reads <see cref="CurrentTraceParent"/> of another process. Default: there is none, or it is not readable.</summary>
    public static ActivityContext ReadTraceParent(string? text) =>
        ActivityContext.TryParse(text, traceState: null, isRemote: true, out var context) ? context : default;
}
