using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Chaos.Mapped;

/// <summary>A bug that only a mapping can have.</summary>
internal sealed record MappedFault
{
    private static readonly Func<string, string> Right = mapping => mapping;

    /// <summary>Changes the services of every process.</summary>
    public Action<IServiceCollection>? Services { get; init; }

    /// <summary>Changes the file with the mapping.</summary>
    public Func<string, string> Mapping { get; init; } = Right;

    /// <summary>Changes the objects in the database, after they were installed.</summary>
    public string Sql { get; init; } = string.Empty;
}

/// <summary>Bugs of mappings, planted to show that the checks find them: see <see cref="PlantedFaults"/>.</summary>
internal static class MappedFaults
{
    public static IReadOnlyDictionary<string, MappedFault> All { get; } = new Dictionary<string, MappedFault>
    {
        // The order of the draws is that of the statements: a transaction that draws first may commit last.
        ["drawn-by-statement"] = new()
        {
            Sql = """
                ALTER TABLE product_cache.product_touches ADD COLUMN version bigint NOT NULL DEFAULT nextval('product_cache.product_version_seq');
                CREATE OR REPLACE FUNCTION product_cache.product_draw_versions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
                BEGIN
                  WITH mine AS (DELETE FROM product_cache.product_touches WHERE tx = pg_current_xact_id() RETURNING ids, version),
                  touched AS (SELECT id, max(version) AS version FROM mine, unnest(ids) AS id GROUP BY id),
                  drawn AS (
                    INSERT INTO product_cache.product_versions AS versions (id, version) SELECT id, version FROM touched ORDER BY id
                    ON CONFLICT (id) DO UPDATE SET version = greatest(versions.version, excluded.version) RETURNING id)
                  INSERT INTO product_cache.product_changes (bulk, product_ids, versions)
                  SELECT false, array_agg(id), array_agg(version) FROM touched WHERE (SELECT count(*) FROM drawn) > 0 HAVING count(*) > 0;
                  RETURN NULL;
                END
                $$;
                """,
        },

        ["two-snapshots"] = new() { Services = Store(store => new TwoSnapshots(store)) },
        ["unwatched-stock"] = new() { Mapping = mapping => mapping.Replace("-- watch: shop.stock (product_sku)\n", string.Empty, StringComparison.Ordinal) },
        ["endless"] = new() { Services = Store(store => new Endless(store)) },

        // Only the first step of an expansion is done.
        ["first-step-only"] = new()
        {
            Sql = """
                CREATE FUNCTION chaos.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM product_cache.product_expansions WHERE seq = NEW.seq; RETURN NULL; END';
                CREATE TRIGGER chaos_forget AFTER UPDATE ON product_cache.product_expansions FOR EACH ROW EXECUTE FUNCTION chaos.forget();
                """,
        },
    };

    public static IEnumerable<KeyValuePair<string, Action<IServiceCollection>>> Services =>
        from fault in All
        where fault.Value.Services is not null
        select KeyValuePair.Create(fault.Key, fault.Value.Services);

    public static MappedFault? Of(string? name) => name is null ? null : All.GetValueOrDefault(name);

    private static Action<IServiceCollection> Store(Func<IProductStore, IProductStore> wrong) => services => PlantedFaults.Decorate(services, wrong);

    /// <summary>Reads the bodies, and the versions in another statement somewhat later.</summary>
    private sealed class TwoSnapshots(IProductStore store) : IProductStore
    {
        private const int MaxDelayMilliseconds = 20;

        public async Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken)
        {
            var bodies = await store.ReadAsync(ids, cancellationToken);
            await Task.Delay(Random.Shared.Next(MaxDelayMilliseconds), cancellationToken);
            var versions = await store.ReadAsync(ids, cancellationToken);
            return bodies with
            {
                Products = bodies.Products.ToDictionary(
                    product => product.Key,
                    product => product.Value with { Version = versions.Products.TryGetValue(product.Key, out var later) ? later.Version : versions.AbsenceOf(product.Key).Version }),
                Absences = bodies.Absences.ToDictionary(
                    absence => absence.Key,
                    absence => absence.Value with { Version = versions.Products.TryGetValue(absence.Key, out var later) ? later.Version : versions.AbsenceOf(absence.Key).Version }),
            };
        }
    }

    /// <summary>Knows no end of a content.</summary>
    private sealed class Endless(IProductStore store) : IProductStore
    {
        public async Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken)
        {
            var read = await store.ReadAsync(ids, cancellationToken);
            return read with { Products = read.Products.ToDictionary(product => product.Key, product => product.Value with { ValidFor = null }) };
        }
    }
}
