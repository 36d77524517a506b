using Npgsql;
using NpgsqlTypes;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Reads products by id, in one statement. A product that cannot be read does not affect the others.</summary>
internal sealed class ProductRows(NpgsqlDataSource dataSource, ProductStatement statement)
{
    private readonly Dictionary<ProductId, Product> products = [];
    private readonly Dictionary<ProductId, string> unreadable = [];
    private readonly Dictionary<ProductId, Absence> absences = [];
    private readonly List<ProductId> withoutVersion = [];

    public IReadOnlyDictionary<ProductId, Product> Products => products;

    /// <summary>The unreadable rows, each with the reason in one sentence.</summary>
    public IReadOnlyDictionary<ProductId, string> Unreadable => unreadable;

    /// <summary>The rows of the built-in table that lack a version.</summary>
    public IReadOnlyList<ProductId> WithoutVersion => withoutVersion;

    /// <exception cref="MappingException">The mapping does not fit the database.</exception>
    public static async Task<ProductRows> ReadAsync(
        NpgsqlDataSource dataSource, ProductStatement statement, IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken)
    {
        var rows = new ProductRows(dataSource, statement);
        await rows.ReadAsync(new ArraySegment<ProductId>([.. ids]), cancellationToken);
        return rows;
    }

    public StoreRead ToRead() => new(products, unreadable, absences);

    public void Refuse(IEnumerable<ProductId> ids, string reason)
    {
        foreach (var id in ids)
        {
            products.Remove(id);
            unreadable[id] = reason;
        }
    }

    /// <summary>Replaces rows by the result of a second read.</summary>
    public void Replace(ProductRows again)
    {
        foreach (var (id, product) in again.products)
        {
            unreadable.Remove(id);
            products[id] = product;
        }

        foreach (var (id, reason) in again.unreadable)
        {
            unreadable[id] = reason;
        }
    }

    // A statement that the server refuses because of one row is retried in halves, until that row is isolated.
    private async Task ReadAsync(ArraySegment<ProductId> ids, CancellationToken cancellationToken)
    {
        try
        {
            await ReadOnceAsync(ids, cancellationToken);
        }
        catch (PostgresException refused) when (statement.IsOfOneRow(refused, cancellationToken))
        {
            if (ids.Count == 1)
            {
                Refuse(ids, $"PostgreSQL cannot read the row: {PostgresText.Of(refused)}");
                return;
            }

            var half = ids.Count / 2;
            await ReadAsync(ids[..half], cancellationToken);
            await ReadAsync(ids[half..], cancellationToken);
        }
    }

    private async Task ReadOnceAsync(ArraySegment<ProductId> ids, CancellationToken cancellationToken)
    {
        await using var batch = dataSource.CreateBatch();
        statement.AddTo(batch, ids);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var rows = new ProductReader(reader, statement.IdType);
        HashSet<ProductId> seen = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            Add(rows, seen);
        }

        // The statements after it, such as the end of the transaction.
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
    }

    private void Add(ProductReader row, HashSet<ProductId> seen)
    {
        var (id, version) = (row.Id, row.Version);
        if (statement.IsMapped)
        {
            absences[id] = new Absence(version, row.ValidFor);
        }
        else if (version == 0)
        {
            withoutVersion.Add(id);
        }

        if (!seen.Add(id))
        {
            Refuse([id], "The SELECT of the mapping gives the product twice.");
        }
        else if (statement.IsMapped && row.IsAbsent)
        {
            return;
        }
        else if (row.TryRead(out var product, out var fault))
        {
            products[id] = product;
        }
        else
        {
            unreadable[id] = fault;
        }
    }
}

/// <summary>The statement that reads products by id.</summary>
internal sealed class ProductStatement
{
    // A function that is not STABLE has a snapshot of its own in each statement: without this, version and body could be of two moments.
    private const string Begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    private const string End = "COMMIT";

    private readonly string sql;

    /// <param name="schema">The schema of the objects of this service.</param>
    /// <param name="withVersions">False: for a mapping that is not installed; all versions are 0.</param>
    public ProductStatement(ProductMapping mapping, PostgresSchema schema, bool withVersions = true)
    {
        (IdType, IsMapped) = (mapping.IdType, !mapping.IsBuiltIn);
        var select = mapping.Select.Replace(ProductMapping.IdsParameter, "$1", StringComparison.Ordinal);
        sql = IsMapped
            ? $"""
            SELECT k.key, {(withVersions ? "coalesce(v.version, 0)" : "0::bigint")} AS version, now() AS read_at, m.*
            FROM unnest($1) AS k(key) LEFT JOIN (
            {select}
            ) AS m ON m.id = k.key{(withVersions ? $" LEFT JOIN \"{schema.Name}\".product_versions AS v ON v.id = k.key" : string.Empty)}
            """
            : schema.In(select);
    }

    /// <summary>Of the built-in table in the schema public.</summary>
    public static ProductStatement BuiltIn { get; } = new(ProductMapping.BuiltIn, PostgresSchema.Public);

    public ProductIdType IdType { get; }

    public bool IsMapped { get; }

    public void AddTo(NpgsqlBatch batch, IReadOnlyCollection<ProductId> ids)
    {
        var command = new NpgsqlBatchCommand(sql) { Parameters = { ParameterOf(IdType, ids) } };
        if (!IsMapped)
        {
            batch.BatchCommands.Add(command);
            return;
        }

        batch.BatchCommands.Add(new NpgsqlBatchCommand(Begin));
        batch.BatchCommands.Add(command);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(End));
    }

    /// <summary>Whether a product of the list is at fault, and not the server.</summary>
    public bool IsOfOneRow(PostgresException refused, CancellationToken cancellationToken) =>
        !PostgresErrors.IsUnavailable(refused, cancellationToken)

        // A function of the mapping tries to write.
        || (IsMapped && refused.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction);

    internal static NpgsqlParameter ParameterOf(ProductIdType type, IEnumerable<ProductId> ids) =>
        type == ProductIdType.Bigint ? new NpgsqlParameter<long[]> { TypedValue = [.. ids.Select(id => id.Value)], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint }
        : type == ProductIdType.Uuid ? new NpgsqlParameter<Guid[]> { TypedValue = [.. ids.Select(id => Guid.Parse(id.Text))], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid }
        : new NpgsqlParameter<string[]> { TypedValue = [.. ids.Select(id => id.Text)], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
