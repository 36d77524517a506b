using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class WriteProducts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterDatabase()
                .Annotation("Npgsql:PostgresExtension:pg_trgm", ",,");

            migrationBuilder.CreateTable(
                name: "idempotency_keys",
                schema: "public",
                columns: table => new
                {
                    client = table.Column<string>(type: "text", nullable: false),
                    key = table.Column<string>(type: "text", nullable: false),
                    fingerprint = table.Column<byte[]>(type: "bytea", nullable: false),
                    product_id = table.Column<long>(type: "bigint", nullable: false),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "now()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_idempotency_keys", x => new { x.client, x.key });
                });

            // The extension may have been installed in any schema.
            migrationBuilder.Sql(
                """
                DO $$
                BEGIN
                  EXECUTE format(
                    'CREATE INDEX ix_products_name ON public.products USING gin (name %I.gin_trgm_ops)',
                    (SELECT nspname FROM pg_catalog.pg_extension JOIN pg_catalog.pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'));
                END
                $$;
                """);

            migrationBuilder.CreateIndex(
                name: "ix_idempotency_keys_created_at",
                schema: "public",
                table: "idempotency_keys",
                column: "created_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "idempotency_keys",
                schema: "public");

            migrationBuilder.DropIndex(
                name: "ix_products_name",
                schema: "public",
                table: "products");

            migrationBuilder.AlterDatabase()
                .OldAnnotation("Npgsql:PostgresExtension:pg_trgm", ",,");
        }
    }
}
