using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads one product as it is, also one that readers cannot get.</summary>
internal sealed class StoreInspection(NpgsqlDataSource dataSource, PostgresFaults faults, ProductStatement statement, TimeProvider time) : IStoreInspection
{
    /// <summary>How long PostgreSQL may take to answer.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(2);

    public async Task<InspectedRow> ReadAsync(ProductId id, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(ReadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            var read = (await ProductRows.ReadAsync(dataSource, statement, [id], either.Token)).ToRead();
            return read.Unreadable.TryGetValue(id, out var fault)
                ? new InspectedRow(null, fault)
                : new InspectedRow(read.Products.GetValueOrDefault(id)) { Version = read.AbsenceOf(id).Version };
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or IOException or MappingException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new InspectedRow(null, faults.Explain(exception));
        }
    }
}
