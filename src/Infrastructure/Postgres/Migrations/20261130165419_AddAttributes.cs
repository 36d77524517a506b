using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ProductCache.Infrastructure.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddAttributes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "attributes",
                schema: "public",
                table: "products",
                type: "jsonb",
                nullable: true);

            migrationBuilder.AddCheckConstraint(
                name: "products_attributes_valid",
                schema: "public",
                table: "products",
                sql: "jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 73728 AND NOT attributes @? '$.**{9}'");

            // A change of the attributes draws a version too.
            migrationBuilder.Sql(TriggerScript.Text);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(TriggerScript.WithoutAttributes);
            migrationBuilder.Sql("DROP FUNCTION public.products_merge_patch(jsonb, jsonb);");

            migrationBuilder.DropCheckConstraint(
                name: "products_attributes_valid",
                schema: "public",
                table: "products");

            migrationBuilder.DropColumn(
                name: "attributes",
                schema: "public",
                table: "products");
        }
    }
}
