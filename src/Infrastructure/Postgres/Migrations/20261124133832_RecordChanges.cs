using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class RecordChanges : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "product_changes",
                schema: "public",
                columns: table => new
                {
                    bulk = table.Column<bool>(type: "boolean", nullable: false),
                    seq = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    product_ids = table.Column<long[]>(type: "bigint[]", nullable: false),
                    versions = table.Column<long[]>(type: "bigint[]", nullable: false),
                    deleted = table.Column<bool>(type: "boolean", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "now()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_product_changes", x => new { x.bulk, x.seq });
                });

            migrationBuilder.CreateTable(
                name: "product_changes_parked",
                schema: "public",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    product_id = table.Column<long>(type: "bigint", nullable: false),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    deleted = table.Column<bool>(type: "boolean", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    parked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "now()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_product_changes_parked", x => x.id);
                });

            // Where a function runs for every row of a bulk update, a SET search_path would cost more than its work: all names
            // in it are qualified instead. An UPDATE that changes nothing at all does not even come to it; its columns are
            // compared one by one, those that change most often first, since comparing OLD.* with NEW.* costs twice as much.
            // The sequence is owned by no column: TRUNCATE … RESTART IDENTITY would otherwise let versions begin anew.
            migrationBuilder.Sql(
                """
                ALTER SEQUENCE public.product_version_seq OWNED BY NONE;

                DROP TRIGGER products_draw_version ON public.products;

                CREATE OR REPLACE FUNCTION public.products_draw_version() RETURNS trigger
                LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                  NEW.version := pg_catalog.nextval('public.product_version_seq'::pg_catalog.regclass);
                  NEW.updated_at := pg_catalog.now();
                  RETURN NEW;
                END
                $$;
                ALTER FUNCTION public.products_draw_version() RESET ALL;

                CREATE TRIGGER products_draw_version BEFORE INSERT ON public.products
                FOR EACH ROW EXECUTE FUNCTION public.products_draw_version();

                CREATE TRIGGER products_draw_version_anew BEFORE UPDATE ON public.products
                FOR EACH ROW WHEN (
                  OLD.price <> NEW.price OR OLD.name <> NEW.name OR OLD.description IS DISTINCT FROM NEW.description
                  OR OLD.id <> NEW.id OR OLD.version <> NEW.version OR OLD.created_at <> NEW.created_at OR OLD.updated_at <> NEW.updated_at)
                EXECUTE FUNCTION public.products_draw_version();
                """);

            // One statement of a writer costs one more, however many rows it changes. Writers need no rights on the outbox:
            // the functions run as their owner.
            migrationBuilder.Sql(
                """
                CREATE FUNCTION public.products_record_changes() RETURNS trigger
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
                BEGIN
                  -- What was written by this transaction has its time: an UPDATE that changed nothing left the old one.
                  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
                  SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), TG_OP = 'DELETE'
                  FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk
                        FROM changed_rows WHERE TG_OP = 'DELETE' OR updated_at = now()) AS changed
                  GROUP BY chunk;
                  IF FOUND THEN
                    PERFORM pg_notify('product_changes', '');
                  END IF;
                  RETURN NULL;
                END
                $$;

                -- The new id is recorded with the other updated rows.
                CREATE FUNCTION public.products_record_old_id() RETURNS trigger
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
                BEGIN
                  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
                  VALUES (false, ARRAY[OLD.id], ARRAY[OLD.version], true);
                  RETURN NULL;
                END
                $$;

                CREATE FUNCTION public.products_record_truncate() RETURNS trigger
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
                BEGIN
                  -- TRUNCATE also removes rows that an older snapshot does not show.
                  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
                    RAISE EXCEPTION 'TRUNCATE of products needs the isolation level READ COMMITTED'
                      USING ERRCODE = 'feature_not_supported', HINT = 'Every removed product is recorded, which needs to see all of them.';
                  END IF;
                  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
                  SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), true
                  FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk FROM public.products) AS changed
                  GROUP BY chunk;
                  IF FOUND THEN
                    PERFORM pg_notify('product_changes', '');
                  END IF;
                  RETURN NULL;
                END
                $$;

                CREATE TRIGGER products_record_insert AFTER INSERT ON public.products
                REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

                CREATE TRIGGER products_record_update AFTER UPDATE ON public.products
                REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

                CREATE TRIGGER products_record_old_id AFTER UPDATE OF id ON public.products
                FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.products_record_old_id();

                CREATE TRIGGER products_record_delete AFTER DELETE ON public.products
                REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

                CREATE TRIGGER products_record_truncate BEFORE TRUNCATE ON public.products
                FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_truncate();

                ALTER TABLE public.products
                  ENABLE ALWAYS TRIGGER products_draw_version,
                  ENABLE ALWAYS TRIGGER products_draw_version_anew,
                  ENABLE ALWAYS TRIGGER products_record_insert,
                  ENABLE ALWAYS TRIGGER products_record_update,
                  ENABLE ALWAYS TRIGGER products_record_old_id,
                  ENABLE ALWAYS TRIGGER products_record_delete,
                  ENABLE ALWAYS TRIGGER products_record_truncate;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            // The trigger function of the version before is restored as it was.
            migrationBuilder.Sql(
                """
                DROP TRIGGER products_record_insert ON public.products;
                DROP TRIGGER products_record_update ON public.products;
                DROP TRIGGER products_record_old_id ON public.products;
                DROP TRIGGER products_record_delete ON public.products;
                DROP TRIGGER products_record_truncate ON public.products;
                DROP FUNCTION public.products_record_changes();
                DROP FUNCTION public.products_record_old_id();
                DROP FUNCTION public.products_record_truncate();
                DROP TRIGGER products_draw_version ON public.products;
                DROP TRIGGER products_draw_version_anew ON public.products;

                CREATE OR REPLACE FUNCTION public.products_draw_version() RETURNS trigger
                LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
                BEGIN
                  IF TG_OP = 'UPDATE' AND (NEW.id, NEW.name, NEW.price, NEW.description)
                     IS NOT DISTINCT FROM (OLD.id, OLD.name, OLD.price, OLD.description) THEN
                    NEW.version := OLD.version;
                    NEW.created_at := OLD.created_at;
                    NEW.updated_at := OLD.updated_at;
                    RETURN NEW;
                  END IF;
                  NEW.version := nextval('public.product_version_seq');
                  NEW.updated_at := now();
                  IF TG_OP = 'UPDATE' THEN
                    NEW.created_at := OLD.created_at;
                  END IF;
                  RETURN NEW;
                END
                $$;

                CREATE TRIGGER products_draw_version BEFORE INSERT OR UPDATE ON public.products
                FOR EACH ROW EXECUTE FUNCTION public.products_draw_version();

                ALTER TABLE public.products ENABLE ALWAYS TRIGGER products_draw_version;
                ALTER SEQUENCE public.product_version_seq OWNED BY public.products.version;
                """);

            migrationBuilder.DropTable(
                name: "product_changes",
                schema: "public");

            migrationBuilder.DropTable(
                name: "product_changes_parked",
                schema: "public");
        }
    }
}
