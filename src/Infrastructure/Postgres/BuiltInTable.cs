using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>The parts of products.sql, for statements that read or write rows in another way than by a list of ids.</summary>
internal static class BuiltInTable
{
    private const string From = "\nfrom public.products as p\n";

    /// <summary>The columns of a product over a row named p: id, version, body, fault.</summary>
    public static string Columns { get; } = ProductMapping.BuiltIn.Select["select ".Length..ProductMapping.BuiltIn.Select.IndexOf(From, StringComparison.Ordinal)];
}
