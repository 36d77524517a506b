using System.Globalization;
using Npgsql;
using ProductCache.Domain;

namespace ProductCache.Chaos;

/// <summary>The tables that make products in a run. A run numbers its products; the service knows them by ids.</summary>
internal abstract class ProductTables
{
    /// <summary>The table with one row for each product.</summary>
    public abstract string Table { get; }

    /// <summary>The column of that table with the number of the product.</summary>
    public abstract string NumberColumn { get; }

    /// <summary>The table of changes that wait for the relay.</summary>
    public abstract string Outbox { get; }

    public abstract ProductId IdOf(long number);

    public abstract long NumberOf(string id);

    /// <summary>A statement that inserts products with the numbers from first to last.</summary>
    public abstract string Import(long first, long last);

    /// <summary>Settings of all processes of the service.</summary>
    /// <param name="folder">For files.</param>
    public virtual IReadOnlyDictionary<string, string> SettingsIn(string folder) => new Dictionary<string, string>();

    /// <summary>Called before the first process of the service starts.</summary>
    public virtual Task CreateAsync(NpgsqlDataSource postgres, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Called when the first Worker has made its schema, before the other processes start.</summary>
    public virtual Task InstalledAsync(NpgsqlDataSource postgres, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>The table of the service, whose ids are the numbers.</summary>
internal sealed class BuiltInTables : ProductTables
{
    public override string Table => "products";

    public override string NumberColumn => "id";

    public override string Outbox => "public.product_changes";

    public override ProductId IdOf(long number) => new(number);

    public override long NumberOf(string id) => long.Parse(id, CultureInfo.InvariantCulture);

    public override string Import(long first, long last) => string.Create(
        CultureInfo.InvariantCulture, $"INSERT INTO products (id, name, price) SELECT n, '{ProductText.Name(0)}', 1 FROM generate_series({first}, {last}) AS n");
}
