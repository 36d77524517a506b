using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.SharedCaches;

/// <param name="Change">Null: the product was purged without a change.</param>
internal sealed record PurgedProduct(ProductId Id, Change? Change = null)
{
    public string Tag => PurgeTag.Of(Id);

    /// <summary>Of two requests for one product: the newer change.</summary>
    public PurgedProduct Or(PurgedProduct other) => (Change?.Rank ?? 0) >= (other.Change?.Rank ?? 0) ? this : other;
}
