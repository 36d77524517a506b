using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class CreateProducts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "products",
                schema: "public",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    name = table.Column<string>(type: "text", nullable: false),
                    price = table.Column<decimal>(type: "numeric(12,2)", nullable: false),
                    description = table.Column<string>(type: "text", nullable: false, defaultValue: ""),
                    version = table.Column<long>(type: "bigint", rowVersion: true, nullable: false, defaultValue: 0L),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "now()"),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "now()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_products", x => x.id);
                    table.CheckConstraint("products_description_valid", "char_length(description) <= 10000");
                    table.CheckConstraint("products_id_positive", "id > 0");
                    table.CheckConstraint("products_name_valid", "char_length(name) BETWEEN 1 AND 200 AND name !~ '[\\u0001-\\u001f\\u007f-\\u009f]'");
                    table.CheckConstraint("products_price_valid", "price BETWEEN 0 AND 9999999999.99");
                });

            // Rows that psql, COPY or another service write are as good as the API's: the database draws the version.
            // The sequence ends where twice a version, plus one, stops being exact in a double (the ranks of the cache).
            migrationBuilder.Sql(
                """
                CREATE SEQUENCE public.product_version_seq MAXVALUE 4503599627370495 OWNED BY public.products.version;

                CREATE FUNCTION public.products_draw_version() RETURNS trigger
                LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "products",
                schema: "public");
            migrationBuilder.Sql("DROP FUNCTION public.products_draw_version();");
        }
    }
}
