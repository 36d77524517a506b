using Microsoft.OpenApi;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using static ProductCache.Api.Http.Problems;

namespace ProductCache.Api.OpenApi;

/// <summary>All operations of the API, beside the routes that have them.</summary>
internal static class Operations
{
    private static readonly string[] OfEntry = ["Cache-Control", "Age", "Cache-Status", "ETag", "Preference-Applied"];

    private static readonly Parameter Id = new("id", ParameterLocation.Path, "The product.", Schemas.Id, Required: true, Example: "1");

    private static readonly Parameter[] Freshness =
    [
        Header("Prefer", "wait=N holds the answer back for up to N seconds, 10 at most, until a miss is filled (RFC 7240).", "wait=2"),
        Header(
            "Cache-Control",
            "no-cache: at least as new as the database is now. max-age, min-fresh, max-stale: as RFC 9111 defines them. only-if-cached: 504 if no cached copy meets the request. Each directive counts by itself: an unknown or malformed one is ignored, a number above 2147483648 counts as 2147483648, and of two of one name the more restrictive one counts.",
            "max-age=60"),
        new(FreshnessHeaders.VersionAtLeast, ParameterLocation.Header, "Never an older version of the product than this: what an ETag has between its quotes.", Schemas.Version, Example: "5"),
    ];

    private static readonly Parameter IfNoneMatch = Header("If-None-Match", "Versions that the reader has: 304 if the product has one of them.", "\"5\"");

    private static readonly Parameter IfMatchOfReader = Header(
        "If-Match",
        "Versions of which the answer must have one: else 412. The cached product is compared; with Cache-Control: no-cache, the one of the database.",
        "*");

    private static readonly Parameter IfNoneMatchOfWriter = Header(
        "If-None-Match", "Versions that the product must not have: 412 if it has one of them. * fails for every product that is there.", "\"1\"");

    // Lists, and the collection that a creation adds to.
    private static readonly Parameter[] ConditionsOfUntagged =
    [
        Header("If-Match", "This resource has no entity tag: * is met, and any tag gives 412.", "*"),
        Header("If-None-Match", "This resource has no entity tag: any tag is met, and * is not (304 for a read, 412 for a write).", "\"1\""),
    ];

    // The last four where reads are protected.
    private static readonly Problem[] Reads =
    [
        NotAVersion, TooManyMisses, TooManyRequests, UnreadableProduct, CacheUnavailable, BrokerUnavailable, NotCached, NoCredential, WrongCredential, MissingScope,
        AuthorityUnavailable,
    ];

    private static readonly Problem[] Writes = [NoCredential, WrongCredential, MissingScope, TooManyRequests, StoreUnavailable, AuthorityUnavailable];

    private static readonly Problem[] Bodies = [MalformedBody, BodyTooSlow, BodyTooLarge, UnsupportedContent, InvalidProduct, RefusedByDatabase, UnreadableProduct];

    public static readonly Operation GetProduct = new(
        "GetProduct",
        "Read a product",
        "From the cache. What is not cached is requested: 202, and the same request a moment later is a hit. A product that is known not to exist is 404.")
    {
        Policy = ApiAuthorization.Read,
        Parameters = [Id, .. Freshness, IfMatchOfReader, IfNoneMatch],
        Answers =
        [
            new(200, "The product.", Schemas.Product, Schemas.ProductExample, OfEntry),
            new(202, "Requested, and not there yet.", Schemas.Requested, Schemas.RequestedExample, "Location", "Retry-After", "Cache-Control", "Cache-Status", "Preference-Applied"),
            new(304, "The reader has it.", null, null, OfEntry),
        ],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, OlderThanDemanded, PreconditionFailed, .. Reads],
    };

    /// <summary>The URL that everything started from.</summary>
    public static readonly Operation GetProductApp = GetProduct with { Id = "GetProductApp", Summary = "Read a product, by its first URL" };

    public static readonly Operation GetProducts = new(
        "GetProducts",
        "Read many products, or list all",
        "With ids: up to 200 products from the cache, each with its own status, in the order asked for. Without: a page of all products in the order of their ids, or of those whose names have q in them, straight from PostgreSQL.")
    {
        Policy = ApiAuthorization.Read,
        Parameters =
        [
            new("ids", ParameterLocation.Query, "The products to read, with commas between them.", Text(), Example: "1,2,3"),
            new("after", ParameterLocation.Query, "The cursor that the page before has told.", Text(), Example: "AQAAAAAAAAAB"),
            new("limit", ParameterLocation.Query, "The most products that a page has. A page of long descriptions has fewer; next leads to the rest.", new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "1",
                Maximum = $"{ListProductsHandler.MaxLimit}",
                Default = ListProductsHandler.DefaultLimit,
            }, Example: "50"),
            new("q", ParameterLocation.Query, "A part of the name, in any case, with at least 3 letters or digits in a row.", new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                MinLength = ListProductsHandler.MinNameLength,
                MaxLength = ListProductsHandler.MaxNameLength,
            }, Example: "chair"),
            .. Freshness,
            .. ConditionsOfUntagged,
        ],
        Answers =
        [
            new(200, "The products: a list where ids were named, else a page.", $"{Schemas.ProductList} {Schemas.ProductPage}", Schemas.ListExample, "Cache-Control", "Cache-Status", "Link", "Retry-After", "Preference-Applied"),
            new(304, "If-None-Match is *."),
        ],
        Problems = [NotAListOfIds, NotAPage, NotAPrecondition, PreconditionFailed, StoreUnavailable, TooManyLargeAnswers, .. Reads],
    };

    public static readonly Operation CreateProduct = new(
        "CreateProduct",
        "Create a product",
        "The answer comes after the commit. A repeated request with the same Idempotency-Key creates nothing more, for a day.")
    {
        Policy = ApiAuthorization.Write,
        Parameters =
        [
            new(ProductWriteEndpoints.IdempotencyKeyHeader, ParameterLocation.Header, "Names this creation; a random UUID is a good one.", new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                MinLength = 1,
                MaxLength = IdempotencyKey.MaxLength,
                Pattern = "^[!-~]+$",
            }, Example: "0b6f3a58-43c1-4f33-8cb7-6ed4c1f5b5a1"),
            .. ConditionsOfUntagged,
        ],
        Request = new(RequestBody.Json, Schemas.ProductDraft, Schemas.DraftExample),
        Answers = [new(201, "Created.", Schemas.Product, Schemas.ProductExample, "Location", "ETag", "Cache-Control", "Cache-Status")],
        Problems = [NotAnIdempotencyKey, NotAPrecondition, PreconditionFailed, IdempotencyKeyReused, .. Bodies, .. Writes],
    };

    public static readonly Operation ReplaceProduct = new(
        "ReplaceProduct",
        "Replace a product",
        "All of it: a description that is not there becomes empty. A product that is not there is not created.")
    {
        Policy = ApiAuthorization.Write,
        Parameters = [Id, IfMatch(required: true), IfNoneMatchOfWriter],
        Request = new(RequestBody.Json, Schemas.ProductDraft, Schemas.DraftExample),
        Answers = [new(200, "The product as it is now.", Schemas.Product, Schemas.ProductExample, "ETag", "Cache-Control", "Cache-Status")],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, PreconditionFailed, PreconditionRequired, .. Bodies, .. Writes],
    };

    public static readonly Operation PatchProduct = ReplaceProduct with
    {
        Id = "PatchProduct",
        Summary = "Change parts of a product",
        Text = "By a JSON merge patch (RFC 7396): what it does not say stays as it is.",
        Request = new(RequestBody.MergePatch, Schemas.ProductPatch, Schemas.PatchExample),
    };

    public static readonly Operation DeleteProduct = new("DeleteProduct", "Delete a product", "Of any version, unless If-Match says which.")
    {
        Policy = ApiAuthorization.Write,
        Parameters = [Id, IfMatch(required: false), IfNoneMatchOfWriter],
        Answers = [new(204, "Deleted.", null, null, "Cache-Control", "Cache-Status")],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, PreconditionFailed, RefusedByDatabase, .. Writes],
    };

    public static readonly Operation PurgeProduct = new(
        "PurgeProduct", "Drop a product from the cache", "From Redis and from all near caches, whether it is there or not; the next reader asks for it anew.")
    {
        Policy = ApiAuthorization.Administer,
        Parameters = [Id],
        Answers = [new(204, "It is cached no more.", null, null, "Cache-Control")],
        Problems = [NotAProductId, NoCredential, WrongCredential, MissingScope, CacheUnavailable, AuthorityUnavailable],
    };

    public static readonly Operation GetRoot = new("GetRoot", "Find everything", "Links to the routes of the service. A request that prefers text/html is sent to the page of the API.")
    {
        Answers =
        [
            new(200, "The links.", Schemas.Links, Root.Document(string.Empty)),
            new(302, "The page of the API, for browsers.", null, null, "Location"),
        ],
        Problems = [TooManyRequests],
    };

    public static readonly Operation GetProblem = new("GetProblem", "Read about a problem", "The page that the type of a problem leads to, in Markdown.")
    {
        Parameters = [new("name", ParameterLocation.Path, "The last part of the type.", Text(), Required: true, Example: "not-cached")],
        Answers =
        [
            new(200, "The page.", string.Empty) { MediaType = "text/markdown" },
            new(404, "There is no such problem.", Schemas.Problem) { MediaType = Answer.Problem },
            new(400, "The request is not unambiguous HTTP. A request that the server cannot parse has an empty body.", Schemas.Problem) { MediaType = Answer.Problem },
        ],
    };

    private static Parameter Header(string name, string text, string example) => new(name, ParameterLocation.Header, text, Text(), Example: example);

    private static Parameter IfMatch(bool required) => new(
        "If-Match",
        ParameterLocation.Header,
        "The version that the writer has seen, its ETag, or several; * for any. Weak tags match nothing.",
        Text(),
        required,
        "\"5\"");

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };
}
