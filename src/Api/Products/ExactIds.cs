using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// Warns once about ids that JavaScript cannot represent: JSON.parse rounds numbers above 2^53 - 1. The service continues, because other
/// clients read them exactly.
/// </summary>
internal sealed partial class ExactIds(ILogger<ExactIds> logger)
{
    /// <summary>JavaScript's Number.MAX_SAFE_INTEGER.</summary>
    public const long Max = (1L << 53) - 1;

    private int warned;

    public void WarnIfInexact(ProductId id)
    {
        if (id.IsNumber && id.Value > Max && Interlocked.Exchange(ref warned, 1) == 0)
        {
            LogInexact(id.Value, Max);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Product {Id} has an id above {Max}. JavaScript clients round such an id when they read it from JSON; they must take it from the URL, Location or self. This is logged once.")]
    private partial void LogInexact(long id, long max);
}
