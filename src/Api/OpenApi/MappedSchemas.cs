using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using ProductCache.Domain;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Api.OpenApi;

/// <summary>What the description of the API says of products that a mapping makes: their ids, and the JSON Schema beside the mapping.</summary>
internal static class MappedSchemas
{
    private const string Id = "id";
    private const string Items = "items";
    private const string Examples = "examples";

    private static readonly string[] OfWrites = [Schemas.ProductDraft, Schemas.ProductPatch, Schemas.InvalidProduct];

    /// <param name="document">With the schemas of the built-in table.</param>
    public static void Apply(OpenApiDocument document, ProductMapping mapping)
    {
        var schemas = document.Components!.Schemas!;
        foreach (var name in OfWrites)
        {
            schemas.Remove(name);
        }

        schemas[Schemas.Product] = ProductOf(document, mapping.Schema);
        foreach (var schema in new[] { schemas[Schemas.Requested], ItemOf(schemas[Schemas.ProductList]), ItemOf(schemas[Schemas.ProductPage]) })
        {
            schema.Properties![Id] = IdOf(mapping.IdType);
        }

        DescribePage((OpenApiSchema)ItemOf(schemas[Schemas.ProductPage]), document);
        var example = mapping.Schema is null ? null : (JsonNode.Parse(mapping.Schema)?[Examples] as JsonArray)?.FirstOrDefault();
        foreach (var operation in document.Paths.Values.SelectMany(path => path.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>()))
        {
            Describe(operation, mapping.IdType, example);
        }
    }

    private static IOpenApiSchema ProductOf(OpenApiDocument document, string? schema) =>
        (schema is null ? null : OpenApiModelFactory.Parse<OpenApiSchema>(schema, OpenApiSpecVersion.OpenApi3_1, document, out _))
        ?? new OpenApiSchema { Type = JsonSchemaType.Object, Description = "A product, as the mapping of the service makes it." };

    private static IOpenApiSchema ItemOf(IOpenApiSchema list) => list.Properties![Items].Items!;

    private static OpenApiSchema IdOf(ProductIdType type) =>
        type == ProductIdType.Bigint ? (OpenApiSchema)Schemas.Id
        : type == ProductIdType.Uuid ? new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" }
        : new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = ProductId.MaxLength, Description = $"{char.ToUpperInvariant(type.Rule[0])}{type.Rule[1..]}." };

    // The members of the product may have any names, so they are not beside those of the item.
    private static void DescribePage(OpenApiSchema item, OpenApiDocument document)
    {
        foreach (var member in (string[])["name", "price", "description", "attributes"])
        {
            item.Properties!.Remove(member);
        }

        item.Properties!["product"] = new OpenApiSchemaReference(Schemas.Product, document);
    }

    private static void Describe(OpenApiOperation operation, ProductIdType type, JsonNode? example)
    {
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>().Where(parameter => parameter is { Name: Id, In: ParameterLocation.Path }))
        {
            (parameter.Schema, parameter.Example) = (IdOf(type), null);
        }

        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (!status.StartsWith('2') || response.Content is null)
            {
                continue;
            }

            foreach (var content in response.Content.Values.Where(content => IsOfProducts(content.Schema)))
            {
                content.Example = content.Schema is OpenApiSchemaReference { Reference.Id: Schemas.Product } ? example?.DeepClone() : null;
            }
        }
    }

    private static bool IsOfProducts(IOpenApiSchema? schema) => schema switch
    {
        OpenApiSchemaReference reference => reference.Reference.Id is Schemas.Product or Schemas.Requested,
        { AnyOf.Count: > 0 } => true,
        _ => false,
    };
}
