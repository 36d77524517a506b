using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.OpenApi;

/// <summary>The bodies of requests and answers, with their limits.</summary>
internal static class Schemas
{
    public const string Product = nameof(Product);
    public const string ProductDraft = nameof(ProductDraft);
    public const string ProductPatch = nameof(ProductPatch);
    public const string Requested = nameof(Requested);
    public const string ProductList = nameof(ProductList);
    public const string ProductPage = nameof(ProductPage);
    public const string Links = nameof(Links);
    public const string Problem = nameof(Problem);
    public const string InvalidProduct = nameof(InvalidProduct);

    public static readonly JsonNode ProductExample = JsonNode.Parse("""{"id":1,"name":"Steel chair No. 1","price":80.19,"description":"A sample product: a steel chair."}""")!;

    public static readonly JsonNode DraftExample = JsonNode.Parse("""{"name":"Tea","price":3.50,"description":"Green"}""")!;

    public static readonly JsonNode PatchExample = JsonNode.Parse("""{"price":4}""")!;

    public static readonly JsonNode RequestedExample =
        JsonNode.Parse("""{"id":1,"status":"requested","detail":"The product is not cached yet and has been requested. Ask again."}""")!;

    public static readonly JsonNode ListExample = JsonNode.Parse(
        """{"items":[{"id":1,"status":"hit","version":5,"age":3,"product":{"id":1,"name":"Tea","price":3.50,"description":"Green"}},{"id":2,"status":"absent"},{"id":3,"status":"requested"}]}""")!;

    public static IOpenApiSchema Id => new OpenApiSchema
    {
        Type = JsonSchemaType.Integer,
        Format = "int64",
        Minimum = "1",
        Maximum = Text(long.MaxValue),
        Description = $"A JSON number of up to 64 bits. JavaScript's JSON.parse rounds ids beyond {ExactIds.Max} (2^53 - 1): read such an id from the URL, Location or self.",
    };

    public static IOpenApiSchema Version => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "1", Maximum = Text(ProductVersion.Max) };

    private static IOpenApiSchema Name => new OpenApiSchema
    {
        Type = JsonSchemaType.String,
        MinLength = 1,
        MaxLength = Domain.Product.MaxNameLength,
        Pattern = @"^[^\u0000-\u001f\u007f-\u009f]*$",
        Description = "Characters are code points.",
    };

    private static IOpenApiSchema Price => new OpenApiSchema
    {
        Type = JsonSchemaType.Number,
        Minimum = "0",
        ExclusiveMaximum = Text(Domain.Price.Limit),
        MultipleOf = 0.01m,
        Description = "At most two decimals, without a currency.",
    };

    private static IOpenApiSchema Description(bool mayBeNull = false) => new OpenApiSchema
    {
        Type = mayBeNull ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String,
        MaxLength = Domain.Product.MaxDescriptionLength,
        Pattern = @"^[^\u0000]*$",
        Description = mayBeNull ? "Null empties it." : null,
    };

    public static IReadOnlyDictionary<string, IOpenApiSchema> All(OpenApiDocument document) => new Dictionary<string, IOpenApiSchema>
    {
        [Product] = Object("A product as it is cached and sent.", ("id", Id), ("name", Name), ("price", Price), ("description", Description())),
        [ProductDraft] = Object(
            "A whole product as a writer sends it. With PUT it may repeat the id of the URL.", ["name", "price"],
            ("id", Id), ("name", Name), ("price", Price), ("description", Description())),
        [ProductPatch] = Object(
            "What is to change (RFC 7396); the rest stays as it is.", [],
            ("id", Id), ("name", Name), ("price", Price), ("description", Description(mayBeNull: true))),
        [Requested] = Object("The product is on its way into the cache.", ("id", Id), ("status", Words("requested")), ("detail", AnyText())),
        [ProductList] = Object("Each product with its own status, in the order asked for.", ("items", Array(GetProductsHandler.MaxIds, ListItem(document)))),
        [ProductPage] = Object(
            "Products in the order of their ids.", ["items"],
            ("items", Array(ListProductsHandler.MaxLimit, Object(
                "A product and its version, which is what its ETag has between the quotes. A row that is no valid product has only id, self and, in unreadable, the reason.",
                ["id", "self"],
                ("unreadable", AnyText()), ("id", Id), ("name", Name), ("price", Price), ("description", Description()), ("version", Version),
                ("self", new OpenApiSchema { Type = JsonSchemaType.String, Description = "The URL of the product, with its exact id." })))),
            ("next", new OpenApiSchema { Type = JsonSchemaType.String, Description = "The cursor of the next page, if there is one." })),
        [Links] = Object(
            "Where everything is.",
            ("name", AnyText()),
            ("links", Object(
                "URI references; {id} stands for an id.",
                [.. Root.Document(string.Empty)["links"]!.AsObject().Select(link => (link.Key, (IOpenApiSchema)AnyText()))]))),
        [Problem] = ProblemOf([]),
        [InvalidProduct] = ProblemOf([("errors", Array(ProductBody.MaxFaults, Object(
            "A fault of the body.", ("pointer", new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^#", Description = "Its place (RFC 6901), as a URI fragment." }), ("detail", AnyText()))))]),
    };

    private static OpenApiSchema ListItem(OpenApiDocument document) => Object(
        "hit and stale have the product, its version and its age in seconds; stale is beyond its lifetime. older: the database has an older version than was demanded. unreadable: the database has a row that is no valid product; detail says why. unavailable: it could not be asked for now.",
        ["id", "status"],
        ("id", Id),
        ("status", Words("hit", "stale", "absent", "requested", "older", "unreadable", "unavailable")),
        ("detail", AnyText()),
        ("version", Version),
        ("age", new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" }),
        ("product", new OpenApiSchemaReference(Product, document)));

    private static OpenApiSchema ProblemOf((string, IOpenApiSchema)[] more) => Object(
        "What is wrong (RFC 9457). type leads to a page of the service, or to a section of RFC 9110.",
        ["type", "title", "status", .. more.Select(member => member.Item1)],
        [("type", AnyText()), ("title", AnyText()), ("status", new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "400", Maximum = "599" }), ("detail", AnyText()),
         ("traceId", new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[0-9a-f]{32}$", Description = "Of the trace that the request belongs to." }), .. more]);

    private static OpenApiSchema Object(string description, params (string Name, IOpenApiSchema Schema)[] members) =>
        Object(description, members.Select(member => member.Name), members);

    private static OpenApiSchema Object(string description, IEnumerable<string> required, params (string Name, IOpenApiSchema Schema)[] members) => new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        Properties = members.ToDictionary(member => member.Name, member => member.Schema),
        Required = required.ToHashSet(),
        AdditionalPropertiesAllowed = false,
    };

    private static OpenApiSchema Array(int max, IOpenApiSchema items) => new() { Type = JsonSchemaType.Array, Items = items, MaxItems = max };

    private static OpenApiSchema AnyText() => new() { Type = JsonSchemaType.String };

    private static OpenApiSchema Words(params string[] words) => new() { Type = JsonSchemaType.String, Enum = [.. words.Select(word => (JsonNode)word)] };

    private static string Text(decimal number) => number.ToString("0", CultureInfo.InvariantCulture);
}
