using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.OpenApi;

/// <summary>The schemas of request and response bodies, with their limits.</summary>
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
        JsonNode.Parse("""{"id":1,"status":"requested","detail":"The product is not cached yet. It has been requested; retry later."}""")!;

    public static readonly JsonNode ListExample = JsonNode.Parse(
        """{"items":[{"id":1,"status":"hit","version":5,"age":3,"product":{"id":1,"name":"Tea","price":3.50,"description":"Green"}},{"id":2,"status":"absent"},{"id":3,"status":"requested"}]}""")!;

    public static readonly JsonNode EventsExample = JsonValue.Create(
        "event: product\nid: f3a1.9c2e:42\ndata: {\"id\":1,\"status\":\"current\",\"version\":5,\"etag\":\"\\\"5\\\"\",\"product\":{\"id\":1,\"name\":\"Tea\",\"price\":3.50,\"description\":\"Green\"}}\n\n");

    public static IOpenApiSchema Id => new OpenApiSchema
    {
        Type = JsonSchemaType.Integer,
        Format = "int64",
        Minimum = "1",
        Maximum = Text(long.MaxValue),
        Description = $"A JSON number of up to 64 bits. JSON.parse of JavaScript rounds ids above {ExactIds.Max} (2^53 - 1): take such an id from the URL, Location or self.",
    };

    public static IOpenApiSchema Version => new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "1", Maximum = Text(ProductVersion.Max) };

    private static IOpenApiSchema Name => new OpenApiSchema
    {
        Type = JsonSchemaType.String,
        MinLength = 1,
        MaxLength = ProductLimits.MaxNameLength,
        Pattern = @"^[^\u0000-\u001f\u007f-\u009f]*$",
        Description = "The length is counted in code points.",
    };

    private static IOpenApiSchema Price => new OpenApiSchema
    {
        Type = JsonSchemaType.Number,
        Minimum = "0",
        ExclusiveMaximum = Text(Domain.Price.Limit),
        MultipleOf = 0.01m,
        Description = "At most two decimals. The currency is not part of the API.",
    };

    private static IOpenApiSchema Description(bool mayBeNull = false) => new OpenApiSchema
    {
        Type = mayBeNull ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String,
        MaxLength = ProductLimits.MaxDescriptionLength,
        Pattern = @"^[^\u0000]*$",
        Description = mayBeNull ? "Null empties the description." : null,
    };

    private static IOpenApiSchema Attributes(bool mayBeNull = false) => new OpenApiSchema
    {
        Type = mayBeNull ? JsonSchemaType.Object | JsonSchemaType.Null : JsonSchemaType.Object,
        Description = $"Members that the service does not know. At most {ProductAttributes.MaxLength} bytes and {ProductAttributes.MaxDepth} levels deep.{(mayBeNull ? " Null: none." : " Absent: none.")}",
    };

    public static IReadOnlyDictionary<string, IOpenApiSchema> All(OpenApiDocument document) => new Dictionary<string, IOpenApiSchema>
    {
        [Product] = Object(
            "A product.", ["id", "name", "price", "description"],
            ("id", Id), ("name", Name), ("price", Price), ("description", Description()), ("attributes", Attributes())),
        [ProductDraft] = Object(
            "A complete product in a request. With PUT, id may repeat the id in the URL, and a product without attributes loses those that it has.", ["name", "price"],
            ("id", Id), ("name", Name), ("price", Price), ("description", Description()), ("attributes", Attributes(mayBeNull: true))),
        [ProductPatch] = Object(
            "The members to change (RFC 7396). Absent members stay unchanged.", [],
            ("id", Id), ("name", Name), ("price", Price), ("description", Description(mayBeNull: true)), ("attributes", Attributes(mayBeNull: true))),
        [Requested] = Object("The product has been requested and is not cached yet.", ("id", Id), ("status", Words("requested")), ("detail", AnyText())),
        [ProductList] = Object("The products with a status each, in the order of the request.", ("items", Array(GetProductsHandler.MaxIds, ListItem(document)))),
        [ProductPage] = Object(
            "Products in the order of their ids.", ["items"],
            ("items", Array(ListProductsHandler.MaxLimit, Object(
                "A product and its version, the value of its ETag without quotes. A row that is not a valid product has only id, self and unreadable, the reason.",
                ["id", "self"],
                ("unreadable", AnyText()), ("id", Id), ("name", Name), ("price", Price), ("description", Description()), ("attributes", Attributes()), ("version", Version),
                ("self", new OpenApiSchema { Type = JsonSchemaType.String, Description = "The URL of the product, with its exact id." })))),
            ("next", new OpenApiSchema { Type = JsonSchemaType.String, Description = "The cursor of the next page. Absent on the last page." })),
        [Links] = Object(
            "The entry point of the service.",
            ("name", AnyText()),
            ("links", Object(
                "URI references. {id} is a placeholder for a product id.",
                [.. Root.Document(string.Empty)["links"]!.AsObject().Select(link => (link.Key, (IOpenApiSchema)AnyText()))]))),
        [Problem] = ProblemOf([]),
        [InvalidProduct] = ProblemOf([("errors", Array(ProductBody.MaxFaults, Object(
            "A fault of the request body.", ("pointer", new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^#", Description = "The location of the fault (RFC 6901), as a URI fragment." }), ("detail", AnyText()))))]),
    };

    private static OpenApiSchema ListItem(OpenApiDocument document) => Object(
        "hit and stale have product, version and age in seconds; a stale entry has exceeded its lifetime. older: the database has an older version than required. unreadable: the row in the database is not a valid product, detail has the reason. unavailable: the product could not be read or requested.",
        ["id", "status"],
        ("id", Id),
        ("status", Words("hit", "stale", "absent", "requested", "older", "unreadable", "unavailable")),
        ("detail", AnyText()),
        ("version", Version),
        ("age", new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" }),
        ("product", new OpenApiSchemaReference(Product, document)));

    private static OpenApiSchema ProblemOf((string, IOpenApiSchema)[] more) => Object(
        "Problem details (RFC 9457). type is the URI of a page of the service, or of a section of RFC 9110.",
        ["type", "title", "status", .. more.Select(member => member.Item1)],
        [("type", AnyText()), ("title", AnyText()), ("status", new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "400", Maximum = "599" }), ("detail", AnyText()),
         ("traceId", new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[0-9a-f]{32}$", Description = "The id of the trace of the request." }), .. more]);

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
