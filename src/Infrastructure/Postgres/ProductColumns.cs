using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The columns of a product, in the order of the statements.</summary>
internal static class ProductColumns
{
    public const string All = "id, name, price, description, version, attributes::text";

    /// <exception cref="UnreadableProductException">The row is not a valid product.</exception>
    public static Product Read(DbDataReader reader) =>
        TryRead(reader, out var product, out var fault) ? product : throw new UnreadableProductException(fault);

    /// <summary>
    /// Reads a row. Constraints and triggers ensure that every row is a valid product, unless they are dropped or disabled, or the database
    /// does not check its encoding (SQL_ASCII).
    /// </summary>
    /// <param name="fault">Why the row is not a valid product, in one sentence.</param>
    public static bool TryRead(DbDataReader reader, [NotNullWhen(true)] out Product? product, [NotNullWhen(false)] out string? fault)
    {
        product = null;
        fault = null;
        var column = "name";
        try
        {
            var name = reader.GetString(1);
            column = "price";
            var price = new Price(reader.GetDecimal(2));
            column = "description";
            var description = reader.GetString(3);
            column = "version";
            var version = new ProductVersion(reader.GetInt64(4));
            column = "attributes";
            var attributes = reader.IsDBNull(5) ? null : ProductAttributes.OfStore(reader.GetString(5));
            column = "name";
            product = new Product(new ProductId(reader.GetInt64(0)), name, price, description, version, attributes);
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or OverflowException or InvalidCastException or FormatException or JsonException)
        {
            // The message of the exception may contain parts of the row.
            fault = (exception as ArgumentException)?.ParamName == "description" ? FaultOf("description") : FaultOf(column);
            return false;
        }
    }

    private static string FaultOf(string column) => column switch
    {
        "name" => $"The name is null, empty, longer than {Product.MaxNameLength} characters, not UTF-8, or has control characters.",
        "price" => $"The price is null, negative, not below {Price.Limit:0}, or has more than 2 decimals.",
        "description" => $"The description is null, longer than {Product.MaxDescriptionLength} characters, or not UTF-8.",
        "attributes" => "The attributes are not a JSON object, or are nested too deeply.",
        _ => "The row has no version.",
    };
}
