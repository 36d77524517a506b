using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The columns of a product as our statements select them.</summary>
internal static class ProductColumns
{
    public const string All = "id, name, price, description, version";

    /// <exception cref="UnreadableProductException">The row is no valid product.</exception>
    public static Product Read(DbDataReader reader) =>
        TryRead(reader, out var product, out var fault) ? product : throw new UnreadableProductException(fault);

    /// <summary>
    /// The constraints and triggers of the table make every row a valid product, unless they are dropped or disabled, or the
    /// encoding of the database is not checked (SQL_ASCII).
    /// </summary>
    /// <param name="fault">What is wrong with the row, in a sentence.</param>
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
            column = "name";
            product = new Product(new ProductId(reader.GetInt64(0)), name, price, description, version);
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or OverflowException or InvalidCastException or FormatException)
        {
            // The text of the exception may hold pieces of the row.
            fault = (exception as ArgumentException)?.ParamName == "description" ? FaultOf("description") : FaultOf(column);
            return false;
        }
    }

    private static string FaultOf(string column) => column switch
    {
        "name" => $"The name is null, empty, longer than {Product.MaxNameLength} characters, not UTF-8, or has control characters.",
        "price" => $"The price is null, negative, not below {Price.Limit:0}, or has more than 2 decimals.",
        "description" => $"The description is null, longer than {Product.MaxDescriptionLength} characters, or not UTF-8.",
        _ => "The row has no version.",
    };
}
