using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Products;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Http;

/// <summary>
/// A problem type (RFC 9457) with its HTTP status, its title and its outcome in the metrics productcache.reads, .writes and .refused.
/// Each type has a page docs/problems/{Name}.md, which the service serves at the URI of the type.
/// </summary>
internal sealed record Problem(string Name, int Status, string Title, string Outcome)
{
    public string Type => $"{Problems.Path}/{Name}";
}

/// <summary>All problem types of the service. Requests that the framework rejects have the types of RFC 9110.</summary>
internal static class Problems
{
    public const string Path = "/problems";

    public static readonly Problem NotAProductId = new("not-a-product-id", StatusCodes.Status400BadRequest, "Invalid product id", "bad_id");

    public static readonly Problem NotAListOfIds = new("not-a-list-of-ids", StatusCodes.Status400BadRequest, "Invalid list of product ids", "bad_ids");

    public static readonly Problem NotAVersion = new("not-a-version", StatusCodes.Status400BadRequest, "Invalid version", "bad_version");

    public static readonly Problem NotAPage = new("not-a-page", StatusCodes.Status400BadRequest, "Invalid list parameters", "bad_page");

    public static readonly Problem MalformedBody = new("malformed-body", StatusCodes.Status400BadRequest, "Malformed request body", "malformed_body");

    public static readonly Problem NotAPrecondition = new("not-a-precondition", StatusCodes.Status400BadRequest, "Invalid precondition", "bad_precondition");

    public static readonly Problem NotAnIdempotencyKey = new(
        "not-an-idempotency-key", StatusCodes.Status400BadRequest, "Invalid idempotency key", "bad_idempotency_key");

    public static readonly Problem NoCredential = new("no-credential", StatusCodes.Status401Unauthorized, "Missing credential", "no_credential");

    public static readonly Problem WrongCredential = new(
        "wrong-credential", StatusCodes.Status401Unauthorized, "Invalid credential", "wrong_credential");

    public static readonly Problem MissingScope = new("missing-scope", StatusCodes.Status403Forbidden, "Missing scope", "missing_scope");

    public static readonly Problem NoSuchProduct = new("no-such-product", StatusCodes.Status404NotFound, "No such product", "absent");

    public static readonly Problem BodyTooSlow = new("body-too-slow", StatusCodes.Status408RequestTimeout, "Request body too slow", "body_too_slow");

    public static readonly Problem RefusedByDatabase = new("refused-by-database", StatusCodes.Status409Conflict, "Rejected by the database", "refused");

    public static readonly Problem PreconditionFailed = new(
        "precondition-failed", StatusCodes.Status412PreconditionFailed, "Precondition failed", "precondition_failed");

    public static readonly Problem BodyTooLarge = new("body-too-large", StatusCodes.Status413PayloadTooLarge, "Request body too large", "body_too_large");

    public static readonly Problem UnsupportedContent = new(
        "unsupported-content", StatusCodes.Status415UnsupportedMediaType, "Unsupported content", "unsupported_content");

    public static readonly Problem InvalidProduct = new("invalid-product", StatusCodes.Status422UnprocessableEntity, "Invalid product", "invalid_product");

    public static readonly Problem IdempotencyKeyReused = new(
        "idempotency-key-reused", StatusCodes.Status422UnprocessableEntity, "Idempotency key reused", "idempotency_key_reused");

    public static readonly Problem PreconditionRequired = new(
        "precondition-required", StatusCodes.Status428PreconditionRequired, "Precondition required", "precondition_required");

    public static readonly Problem OlderThanDemanded = new(
        "older-than-demanded", StatusCodes.Status412PreconditionFailed, "Older than the required version", "older_than_demanded");

    public static readonly Problem TooManyMisses = new("too-many-misses", StatusCodes.Status429TooManyRequests, "Too many cache misses", "too_many_misses");

    public static readonly Problem TooManyRequests = new(
        "too-many-requests", StatusCodes.Status429TooManyRequests, "Too many requests", "too_many_requests");

    public static readonly Problem NoDatabase = new("no-database", StatusCodes.Status501NotImplemented, "No database configured", "no_database");

    public static readonly Problem WrittenElsewhere = new(
        "written-elsewhere", StatusCodes.Status405MethodNotAllowed, "Products are written elsewhere", "written_elsewhere");

    public static readonly Problem UnreadableProduct = new(
        "unreadable-product", StatusCodes.Status502BadGateway, "Unreadable product", "unreadable");

    public static readonly Problem CacheUnavailable = new(
        "cache-unavailable", StatusCodes.Status503ServiceUnavailable, "Cache unavailable", "cache_unavailable");

    public static readonly Problem BrokerUnavailable = new(
        "broker-unavailable", StatusCodes.Status503ServiceUnavailable, "Message broker unavailable", "broker_unavailable");

    public static readonly Problem StoreUnavailable = new(
        "store-unavailable", StatusCodes.Status503ServiceUnavailable, "Database unavailable", "store_unavailable");

    public static readonly Problem AuthorityUnavailable = new(
        "authority-unavailable", StatusCodes.Status503ServiceUnavailable, "Token issuer unavailable", "authority_unavailable");

    public static readonly Problem TooManyLargeAnswers = new(
        "too-many-large-answers", StatusCodes.Status503ServiceUnavailable, "Too many large responses", "too_many_large_answers");

    public static readonly Problem NotCached = new("not-cached", StatusCodes.Status504GatewayTimeout, "Not cached", "not_cached");

    public static IReadOnlyList<Problem> All { get; } =
    [
        NotAProductId, NotAListOfIds, NotAVersion, NotAPage, MalformedBody, NotAPrecondition, NotAnIdempotencyKey, NoCredential, WrongCredential,
        MissingScope, NoSuchProduct, BodyTooSlow, RefusedByDatabase, OlderThanDemanded, PreconditionFailed, BodyTooLarge, UnsupportedContent,
        InvalidProduct, IdempotencyKeyReused, PreconditionRequired, TooManyMisses, TooManyRequests, UnreadableProduct, WrittenElsewhere, NoDatabase,
        CacheUnavailable, BrokerUnavailable, StoreUnavailable,
        AuthorityUnavailable, TooManyLargeAnswers, NotCached,
    ];

    /// <summary>The value of Retry-After, in seconds.</summary>
    public const string RetryAfter = "1";

    public static ProblemHttpResult Create(Problem problem, string detail) =>
        TypedResults.Problem(detail, type: problem.Type, statusCode: problem.Status, title: problem.Title);

    /// <summary>All faults of a body, each with its location.</summary>
    public static ProblemHttpResult OfBody(IEnumerable<BodyFault> faults) => TypedResults.Problem(
        "The body is not a valid product. errors lists each fault and its location.",
        type: InvalidProduct.Type,
        statusCode: InvalidProduct.Status,
        title: InvalidProduct.Title,
        extensions: [new KeyValuePair<string, object?>("errors", faults.ToList())]);

    /// <summary>A problem with Retry-After that no cache may store.</summary>
    public static ProblemHttpResult RetryLater(HttpContext http, Problem problem, string detail)
    {
        http.Response.Headers.RetryAfter = RetryAfter;
        CacheHeaders.WriteNothing(http.Response.Headers, $"detail={problem.Name}");
        return Create(problem, detail);
    }

    /// <summary>The answer to writes and lists in a process without a database.</summary>
    public static ProblemHttpResult NoDatabaseHere() =>
        Create(NoDatabase, "This process has no database: it neither writes nor lists products. Reads of products by id are served.");

    public static ProblemHttpResult RateLimitExceeded(HttpContext http) =>
        RetryLater(http, TooManyRequests, "A rate or concurrency limit of this client is exceeded. The request was not processed; retry later.");

    /// <summary>The answer to writes where a mapping makes the products.</summary>
    public static ProblemHttpResult NotWrittenHere(HttpContext http)
    {
        http.Response.Headers.Allow = "GET, HEAD, OPTIONS";
        return Create(WrittenElsewhere, "This service reads its products from the tables of another application. Write them there: the caches follow by themselves.");
    }

    /// <param name="refusal">The limit that the response exceeds.</param>
    public static ProblemHttpResult TooManyBytes(HttpContext http, ShareResult refusal) => refusal == ShareResult.ClientHasItsShare
        ? RetryLater(http, TooManyRequests, "This client has not read its earlier large responses. Read them first, or request fewer products.")
        : RetryLater(http, TooManyLargeAnswers, "Large responses to other clients use all of the reserved memory. Retry later, or request fewer products.");

    /// <summary>
    /// Adds the trace id to every problem, except to one that shared caches may store, because that is returned to other requests too.
    /// Adds the path prefix of the proxy to the type, so that it links to the page.
    /// </summary>
    public static IServiceCollection AddProblems(this IServiceCollection services) => services.AddProblemDetails(options =>
        options.CustomizeProblemDetails = context =>
        {
            var problem = context.ProblemDetails;
            problem.Extensions.Remove("traceId");
            if (!CacheControlPolicy.IsPublic(context.HttpContext.Response.Headers.CacheControl.ToString()))
            {
                problem.Extensions["traceId"] = (Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom()).ToHexString();
            }

            if (problem.Type?.StartsWith($"{Path}/", StringComparison.Ordinal) == true)
            {
                problem.Type = $"{context.HttpContext.Request.PathBase}{problem.Type}";
            }
        });

    /// <summary>The page of a problem, in Markdown.</summary>
    internal static Stream? Open(string name) => Assembly.GetExecutingAssembly().GetManifestResourceStream($"problems/{name}.md");

    public static Results<FileStreamHttpResult, NotFound> GetPage(string name) =>
        All.FirstOrDefault(problem => problem.Name == name) is { } known && Open(known.Name) is { } page
            ? TypedResults.Stream(page, "text/markdown; charset=utf-8")
            : TypedResults.NotFound();
}
