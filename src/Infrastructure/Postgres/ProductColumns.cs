using System.Data.Common;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The columns of a product as our own statements select them.</summary>
internal static class ProductColumns
{
    public const string All = "id, name, price, description, version";

    public static Product Read(DbDataReader reader) => new(
        new ProductId(reader.GetInt64(0)),
        reader.GetString(1),
        new Price(reader.GetDecimal(2)),
        reader.GetString(3),
        new ProductVersion(reader.GetInt64(4)));
}
