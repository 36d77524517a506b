using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// Ids that JavaScript cannot read: JSON.parse rounds numbers beyond 2^53 - 1. The service goes on, since other clients read them; the
/// operator learns of it once.
/// </summary>
internal sealed partial class ExactIds(ILogger<ExactIds> logger)
{
    /// <summary>JavaScript's Number.MAX_SAFE_INTEGER.</summary>
    public const long Max = (1L << 53) - 1;

    private int warned;

    public void Meet(ProductId id)
    {
        if (id.Value > Max && Interlocked.Exchange(ref warned, 1) == 0)
        {
            LogInexact(id.Value, Max);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Product {Id} has an id beyond {Max}. JavaScript clients round such an id when they read it from JSON; they must take it from the URL, Location or self. This is logged once.")]
    private partial void LogInexact(long id, long max);
}
