using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class RecordEveryWriter : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // The newest migration runs Triggers.sql, which may name columns that are not there yet.
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            // The triggers of the version before are restored as they were.
            migrationBuilder.Sql(
                """
                DROP TRIGGER product_changes_notify ON public.product_changes;
                DROP TRIGGER products_redraw_version ON public.products;
                DROP TRIGGER products_record_replicated_row ON public.products;
                DROP TRIGGER products_draw_version_anew ON public.products;
                DROP TRIGGER products_record_update ON public.products;
                DROP TRIGGER products_record_old_id ON public.products;
                DROP FUNCTION public.product_changes_notify();
                DROP FUNCTION public.products_redraw_version();
                DROP FUNCTION public.products_record_replicated_row();
                DROP FUNCTION public.products_record_update();

                CREATE OR REPLACE FUNCTION public.products_draw_version() RETURNS trigger
                LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                  NEW.version := pg_catalog.nextval('public.product_version_seq'::pg_catalog.regclass);
                  NEW.updated_at := pg_catalog.now();
                  RETURN NEW;
                END
                $$;

                CREATE OR REPLACE FUNCTION public.products_record_changes() RETURNS trigger
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

                CREATE OR REPLACE FUNCTION public.products_record_truncate() RETURNS trigger
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

                CREATE TRIGGER products_draw_version_anew BEFORE UPDATE ON public.products
                FOR EACH ROW WHEN (
                  OLD.price <> NEW.price OR OLD.name <> NEW.name OR OLD.description IS DISTINCT FROM NEW.description
                  OR OLD.id <> NEW.id OR OLD.version <> NEW.version OR OLD.created_at <> NEW.created_at OR OLD.updated_at <> NEW.updated_at)
                EXECUTE FUNCTION public.products_draw_version();

                CREATE TRIGGER products_record_update AFTER UPDATE ON public.products
                REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

                CREATE TRIGGER products_record_old_id AFTER UPDATE OF id ON public.products
                FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.products_record_old_id();

                ALTER TABLE public.products
                  ENABLE ALWAYS TRIGGER products_draw_version_anew,
                  ENABLE ALWAYS TRIGGER products_record_insert,
                  ENABLE ALWAYS TRIGGER products_record_update,
                  ENABLE ALWAYS TRIGGER products_record_old_id,
                  ENABLE ALWAYS TRIGGER products_record_delete;
                """);
        }
    }
}
