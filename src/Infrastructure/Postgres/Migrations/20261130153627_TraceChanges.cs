using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class TraceChanges : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "traceparent",
                schema: "public",
                table: "product_changes",
                type: "text",
                nullable: true,
                defaultValueSql: "left(nullif(current_setting('product_cache.traceparent', true), ''), 55)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "traceparent",
                schema: "public",
                table: "product_changes");
        }
    }
}
