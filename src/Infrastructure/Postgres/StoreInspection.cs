using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads one row as it is, also one that readers cannot get.</summary>
internal sealed class StoreInspection(NpgsqlDataSource dataSource, PostgresFaults faults, PostgresSchema schema, TimeProvider time) : IStoreInspection
{
    /// <summary>How long PostgreSQL may take to answer.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(2);

    public async Task<InspectedRow> ReadAsync(ProductId id, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(ReadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            var read = (await ProductRows.ReadAsync(dataSource, schema, [id.Value], either.Token)).ToRead();
            return read.Unreadable.TryGetValue(id, out var fault) ? new InspectedRow(null, fault) : new InspectedRow(read.Products.GetValueOrDefault(id));
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new InspectedRow(null, faults.Explain(exception));
        }
    }
}
