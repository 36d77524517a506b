using System.ComponentModel;
using System.Text.Json.Serialization;
using Npgsql;

namespace ProductCache.Bench;

/// <summary>
/// A product as the peers cache and answer it, with the same JSON as the service. Marked immutable, so that HybridCache may hand
/// out the same instance again instead of deserializing it for every reader.
/// </summary>
[ImmutableObject(true)]
internal sealed record PeerProduct(long Id, string Name, decimal Price, string Description);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(PeerProduct))]
internal sealed partial class PeerJson : JsonSerializerContext;

/// <summary>Reads products from PostgreSQL, for peers that miss.</summary>
internal sealed class PeerProducts(NpgsqlDataSource dataSource)
{
    /// <summary>The product, or null where there is none.</summary>
    public async ValueTask<PeerProduct?> FindAsync(long id, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("SELECT name, price, description FROM products WHERE id = $1");
        command.Parameters.AddWithValue(id);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new PeerProduct(id, row.GetString(0), row.GetDecimal(1), row.GetString(2))
            : null;
    }
}
