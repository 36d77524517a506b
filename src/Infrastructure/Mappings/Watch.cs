using ProductCache.Domain;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>A table whose rows make products.</summary>
/// <param name="Table">As the file names it.</param>
/// <param name="Expression">Over the columns of a row: the id of its product, or a key.</param>
/// <param name="Expansion">A SELECT with @keys that gives the ids of the products that depend on the rows with these keys. Null: the expression gives the id.</param>
internal sealed record Watch(string Table, string Expression, string? Expansion)
{
    /// <summary>The value of the expression, as it is recorded.</summary>
    public string KeyAs(ProductIdType idType) => $"({Expression})::{(Expansion is null ? idType.Name : "text")}";

    public override string ToString() => $"{Table} ({Expression}){(Expansion is null ? string.Empty : $" -> {Expansion}")}";
}
