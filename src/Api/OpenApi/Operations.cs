using Microsoft.OpenApi;
using ProductCache.Api.Auth;
using ProductCache.Api.Events;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using static ProductCache.Api.Http.Problems;

namespace ProductCache.Api.OpenApi;

/// <summary>The OpenAPI descriptions of all operations. <see cref="Routes"/> attaches them to the routes.</summary>
internal static class Operations
{
    private static readonly string[] OfEntry = ["Cache-Control", "CDN-Cache-Control", "Age", "Cache-Status", "Cache-Tag", "Surrogate-Key", "ETag", "Preference-Applied"];

    private static readonly Parameter Id = new("id", ParameterLocation.Path, "The product id.", Schemas.Id, Required: true, Example: "1");

    private static readonly Parameter[] Freshness =
    [
        Header("Prefer", "How long a cache miss waits for the fill (RFC 7240). wait=N: up to N seconds, at most 10; wait=0 and respond-async: not at all. Without this header: API_DEFAULT_WAIT_SECONDS, 1 by default.", "wait=2"),
        Header(
            "Cache-Control",
            "The request directives of RFC 9111. no-cache: the product is read from the database. max-age, min-fresh, max-stale: as defined there. only-if-cached: 504 if no cached copy meets the request. Unknown and malformed directives are ignored. A number above 2147483648 is read as 2147483648. If a directive occurs twice, the more restrictive value applies.",
            "max-age=60"),
        new(FreshnessHeaders.VersionAtLeast, ParameterLocation.Header, "The lowest acceptable version of the product: the value of an ETag without its quotes.", Schemas.Version, Example: "5"),
    ];

    private static readonly Parameter IfNoneMatch = Header("If-None-Match", "Versions that the client has cached: 304 if the product has one of them.", "\"5\"");

    private static readonly Parameter IfMatchOfReader = Header(
        "If-Match",
        "The product must have one of these versions, otherwise 412. The cached version is compared; with Cache-Control: no-cache, the version in the database.",
        "*");

    private static readonly Parameter IfNoneMatchOfWriter = Header(
        "If-None-Match", "Versions that the product must not have: 412 if it has one of them. * fails for every existing product.", "\"1\"");

    // For lists and for the collection that POST adds to.
    private static readonly Parameter[] ConditionsOfUntagged =
    [
        Header("If-Match", "This resource has no entity tag: * matches, every tag causes 412.", "*"),
        Header("If-None-Match", "This resource has no entity tag: a tag has no effect, * causes 304 for a read and 412 for a write.", "\"1\""),
    ];

    // The last four occur only if reads are protected.
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
        "Reads the cache. If the product is not cached, it is requested and the response is 202; repeat the request a moment later. 404 if the product is known not to exist.")
    {
        Policy = ApiAuthorization.Read,
        Parameters = [Id, .. Freshness, IfMatchOfReader, IfNoneMatch],
        Answers =
        [
            new(200, "The product.", Schemas.Product, Schemas.ProductExample, OfEntry),
            new(202, "The product has been requested and is not cached yet.", Schemas.Requested, Schemas.RequestedExample, "Location", "Retry-After", "Cache-Control", "Cache-Status", "Preference-Applied"),
            new(304, "The client has the current version.", null, null, OfEntry),
        ],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, OlderThanDemanded, PreconditionFailed, .. Reads],
    };

    /// <summary>The original URL of the service.</summary>
    public static readonly Operation GetProductApp = GetProduct with { Id = "GetProductApp", Summary = "Read a product (original URL)" };

    public static readonly Operation GetProductEvents = new(
        "GetProductEvents",
        "Follow products",
        "Server-sent events. An event product has the state of a product in JSON: at first of each id, then at each change. An event heartbeat says whether changes are sure to arrive; after an event reset, forget earlier states; after an event resume, or without any event for 30 s, connect again with Last-Event-ID.")
    {
        Policy = ApiAuthorization.Read,
        Parameters =
        [
            new("ids", ParameterLocation.Query, $"Up to {GetProductsHandler.MaxIds} product ids, separated by commas.", Text(), Example: "1,2,3"),
            new("tag", ParameterLocation.Query, "Instead of ids: the changes of cached products that have this tag (Cache-Tag).", Text(), Example: "products"),
            Header("Last-Event-ID", "The id of the last event of an earlier stream. The changes since then are sent; all products if that is too long ago, or of another epoch.", "f3a1.9c2e:42"),
        ],
        Answers = [new(200, "The events.", string.Empty, Schemas.EventsExample) { MediaType = EventStreamWriter.MediaType }],
        Problems = [NotAListOfIds, TooManyRequests, NoCredential, WrongCredential, MissingScope, AuthorityUnavailable],
    };

    public static readonly Operation GetProducts = new(
        "GetProducts",
        "Read several products, or list all",
        "With ids: up to 200 products from the cache, each with its own status, in the order of the request. Without ids: a page of all products in the order of their ids, or of those whose names contain q, from PostgreSQL.")
    {
        Policy = ApiAuthorization.Read,
        Parameters =
        [
            new("ids", ParameterLocation.Query, "A comma-separated list of product ids.", Text(), Example: "1,2,3"),
            new("after", ParameterLocation.Query, "The next cursor of the previous page.", Text(), Example: "AQAAAAAAAAAB"),
            new("limit", ParameterLocation.Query, "The maximum number of products in a page. A page of long descriptions has fewer; next has the cursor of the rest.", new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "1",
                Maximum = $"{ListProductsHandler.MaxLimit}",
                Default = ListProductsHandler.DefaultLimit,
            }, Example: "50"),
            new("q", ParameterLocation.Query, "A part of the name, case-insensitive, with at least 3 consecutive letters or digits.", new OpenApiSchema
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
            new(200, "The products: a list if the request has ids, otherwise a page.", $"{Schemas.ProductList} {Schemas.ProductPage}", Schemas.ListExample, "Cache-Control", "Cache-Status", "CDN-Cache-Control", "Cache-Tag", "Surrogate-Key", "Link", "Retry-After", "Preference-Applied"),
            new(304, "If-None-Match is *."),
        ],
        Problems = [NotAListOfIds, NotAPage, NotAPrecondition, PreconditionFailed, StoreUnavailable, TooManyLargeAnswers, .. Reads],
    };

    /// <summary>The same route in a process that has no database.</summary>
    public static readonly Operation GetProductsByIds = GetProducts with
    {
        Summary = "Read several products",
        Text = "Up to 200 products from the cache, each with its own status, in the order of the request.",
        Parameters = [.. GetProducts.Parameters.Where(parameter => !ProductListEndpoint.Parameters.Contains(parameter.Name))],
        Problems = [.. GetProducts.Problems.Where(problem => problem != NotAPage && problem != StoreUnavailable), NoDatabase],
    };

    public static readonly Operation CreateProduct = new(
        "CreateProduct",
        "Create a product",
        "The response is sent after the commit. Within a day, a repeated request with the same Idempotency-Key does not create another product.")
    {
        Policy = ApiAuthorization.Write,
        Parameters =
        [
            new(ProductWriteEndpoints.IdempotencyKeyHeader, ParameterLocation.Header, "Identifies this creation, so that the request can be repeated safely. A random UUID is a good key.", new OpenApiSchema
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
        "Replaces all members; without description, the description becomes empty. Does not create a product.")
    {
        Policy = ApiAuthorization.Write,
        Parameters = [Id, IfMatch(required: true), IfNoneMatchOfWriter],
        Request = new(RequestBody.Json, Schemas.ProductDraft, Schemas.DraftExample),
        Answers = [new(200, "The product after the write.", Schemas.Product, Schemas.ProductExample, "ETag", "Cache-Control", "Cache-Status")],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, PreconditionFailed, PreconditionRequired, .. Bodies, .. Writes],
    };

    public static readonly Operation PatchProduct = ReplaceProduct with
    {
        Id = "PatchProduct",
        Summary = "Change parts of a product",
        Text = "Applies a JSON merge patch (RFC 7396). Absent members stay unchanged.",
        Request = new(RequestBody.MergePatch, Schemas.ProductPatch, Schemas.PatchExample),
    };

    public static readonly Operation DeleteProduct = new("DeleteProduct", "Delete a product", "Deletes the product regardless of its version, unless If-Match is given.")
    {
        Policy = ApiAuthorization.Write,
        Parameters = [Id, IfMatch(required: false), IfNoneMatchOfWriter],
        Answers = [new(204, "Deleted.", null, null, "Cache-Control", "Cache-Status")],
        Problems = [NotAProductId, NotAPrecondition, NoSuchProduct, PreconditionFailed, RefusedByDatabase, .. Writes],
    };

    public static readonly Operation PurgeProduct = new(
        "PurgeProduct", "Purge a product from the cache", "Removes the product from Redis and from all near caches, whether or not it is cached. The next read requests it again.")
    {
        Policy = ApiAuthorization.Administer,
        Parameters = [Id],
        Answers = [new(204, "The product is not cached any more.", null, null, "Cache-Control")],
        Problems = [NotAProductId, NoCredential, WrongCredential, MissingScope, CacheUnavailable, AuthorityUnavailable],
    };

    public static readonly Operation GetRoot = new("GetRoot", "Read the entry point", "Links to the routes of the service. A request that prefers text/html gets the console page.")
    {
        Answers =
        [
            new(200, "The links.", Schemas.Links, Root.Document(string.Empty)),
            new(302, "The documentation page, for browsers, where the console is off.", null, null, "Location"),
        ],
        Problems = [TooManyRequests],
    };

    public static readonly Operation GetProblem = new("GetProblem", "Read the documentation of a problem", "The page at the URI of the problem type, in Markdown.")
    {
        Parameters = [new("name", ParameterLocation.Path, "The last segment of the problem type.", Text(), Required: true, Example: "not-cached")],
        Answers =
        [
            new(200, "The page.", string.Empty) { MediaType = "text/markdown" },
            new(404, "The problem type does not exist.", Schemas.Problem) { MediaType = Answer.Problem },
            new(400, "The request is not unambiguous HTTP. A request that the server cannot parse has an empty body.", Schemas.Problem) { MediaType = Answer.Problem },
        ],
    };

    private static Parameter Header(string name, string text, string example) => new(name, ParameterLocation.Header, text, Text(), Example: example);

    private static Parameter IfMatch(bool required) => new(
        "If-Match",
        ParameterLocation.Header,
        "The ETag of the version that the client has read, or several; * for any version. Weak tags match nothing.",
        Text(),
        required,
        "\"5\"");

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };
}
