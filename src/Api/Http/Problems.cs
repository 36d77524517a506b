using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Products;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Http;

/// <summary>
/// One sort of problem (RFC 9457): what it is over HTTP, and the outcome that productcache.reads, .writes or .refused counts. Each
/// has a page docs/problems/{Name}.md, which the service shows at its type.
/// </summary>
internal sealed record Problem(string Name, int Status, string Title, string Outcome)
{
    public string Type => $"{Problems.Path}/{Name}";
}

/// <summary>All problems that the service tells of by itself; what the framework refuses has the types of RFC 9110.</summary>
internal static class Problems
{
    public const string Path = "/problems";

    public static readonly Problem NotAProductId = new("not-a-product-id", StatusCodes.Status400BadRequest, "Not a product id", "bad_id");

    public static readonly Problem NotAListOfIds = new("not-a-list-of-ids", StatusCodes.Status400BadRequest, "Not a list of product ids", "bad_ids");

    public static readonly Problem NotAVersion = new("not-a-version", StatusCodes.Status400BadRequest, "Not a version", "bad_version");

    public static readonly Problem NotAPage = new("not-a-page", StatusCodes.Status400BadRequest, "Not a page of the list", "bad_page");

    public static readonly Problem MalformedBody = new("malformed-body", StatusCodes.Status400BadRequest, "Malformed body", "malformed_body");

    public static readonly Problem NotAPrecondition = new("not-a-precondition", StatusCodes.Status400BadRequest, "Not a precondition", "bad_precondition");

    public static readonly Problem NotAnIdempotencyKey = new(
        "not-an-idempotency-key", StatusCodes.Status400BadRequest, "Not an idempotency key", "bad_idempotency_key");

    public static readonly Problem NoCredential = new("no-credential", StatusCodes.Status401Unauthorized, "No credential", "no_credential");

    public static readonly Problem WrongCredential = new(
        "wrong-credential", StatusCodes.Status401Unauthorized, "Wrong credential", "wrong_credential");

    public static readonly Problem MissingScope = new("missing-scope", StatusCodes.Status403Forbidden, "Missing scope", "missing_scope");

    public static readonly Problem NoSuchProduct = new("no-such-product", StatusCodes.Status404NotFound, "No such product", "absent");

    public static readonly Problem BodyTooSlow = new("body-too-slow", StatusCodes.Status408RequestTimeout, "Body too slow", "body_too_slow");

    public static readonly Problem RefusedByDatabase = new("refused-by-database", StatusCodes.Status409Conflict, "Refused by the database", "refused");

    public static readonly Problem PreconditionFailed = new(
        "precondition-failed", StatusCodes.Status412PreconditionFailed, "Precondition failed", "precondition_failed");

    public static readonly Problem BodyTooLarge = new("body-too-large", StatusCodes.Status413PayloadTooLarge, "Body too large", "body_too_large");

    public static readonly Problem UnsupportedContent = new(
        "unsupported-content", StatusCodes.Status415UnsupportedMediaType, "Unsupported content", "unsupported_content");

    public static readonly Problem InvalidProduct = new("invalid-product", StatusCodes.Status422UnprocessableEntity, "Invalid product", "invalid_product");

    public static readonly Problem IdempotencyKeyReused = new(
        "idempotency-key-reused", StatusCodes.Status422UnprocessableEntity, "Idempotency key reused", "idempotency_key_reused");

    public static readonly Problem PreconditionRequired = new(
        "precondition-required", StatusCodes.Status428PreconditionRequired, "Precondition required", "precondition_required");

    public static readonly Problem OlderThanDemanded = new(
        "older-than-demanded", StatusCodes.Status412PreconditionFailed, "Older than demanded", "older_than_demanded");

    public static readonly Problem TooManyMisses = new("too-many-misses", StatusCodes.Status429TooManyRequests, "Too many misses", "too_many_misses");

    public static readonly Problem TooManyRequests = new(
        "too-many-requests", StatusCodes.Status429TooManyRequests, "Too many requests", "too_many_requests");

    public static readonly Problem UnreadableProduct = new(
        "unreadable-product", StatusCodes.Status502BadGateway, "Unreadable product", "unreadable");

    public static readonly Problem CacheUnavailable = new(
        "cache-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "cache_unavailable");

    public static readonly Problem BrokerUnavailable = new(
        "broker-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "broker_unavailable");

    public static readonly Problem StoreUnavailable = new(
        "store-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "store_unavailable");

    public static readonly Problem AuthorityUnavailable = new(
        "authority-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "authority_unavailable");

    public static readonly Problem TooManyLargeAnswers = new(
        "too-many-large-answers", StatusCodes.Status503ServiceUnavailable, "Too many large answers", "too_many_large_answers");

    public static readonly Problem NotCached = new("not-cached", StatusCodes.Status504GatewayTimeout, "Not cached", "not_cached");

    public static IReadOnlyList<Problem> All { get; } =
    [
        NotAProductId, NotAListOfIds, NotAVersion, NotAPage, MalformedBody, NotAPrecondition, NotAnIdempotencyKey, NoCredential, WrongCredential,
        MissingScope, NoSuchProduct, BodyTooSlow, RefusedByDatabase, OlderThanDemanded, PreconditionFailed, BodyTooLarge, UnsupportedContent,
        InvalidProduct, IdempotencyKeyReused, PreconditionRequired, TooManyMisses, TooManyRequests, UnreadableProduct, CacheUnavailable, BrokerUnavailable, StoreUnavailable,
        AuthorityUnavailable, TooManyLargeAnswers, NotCached,
    ];

    /// <summary>What a reader who was told to come back should let pass, in seconds.</summary>
    public const string RetryAfter = "1";

    public static ProblemHttpResult Create(Problem problem, string detail) =>
        TypedResults.Problem(detail, type: problem.Type, statusCode: problem.Status, title: problem.Title);

    /// <summary>All faults of a body at once, each with the place where it is.</summary>
    public static ProblemHttpResult OfBody(IEnumerable<BodyFault> faults) => TypedResults.Problem(
        "The body does not say a valid product; errors has the places.",
        type: InvalidProduct.Type,
        statusCode: InvalidProduct.Status,
        title: InvalidProduct.Title,
        extensions: [new KeyValuePair<string, object?>("errors", faults.ToList())]);

    /// <summary>One that says when to come back, and is nobody's to keep.</summary>
    public static ProblemHttpResult RetryLater(HttpContext http, Problem problem, string detail)
    {
        http.Response.Headers.RetryAfter = RetryAfter;
        CacheHeaders.WriteNothing(http.Response.Headers, $"detail={problem.Name}");
        return Create(problem, detail);
    }

    public static ProblemHttpResult RateLimitExceeded(HttpContext http) =>
        RetryLater(http, TooManyRequests, "This client asks for more than it may in so short a time, or at one time. Nothing was done.");

    /// <param name="refusal">Why the answer may hold no more bytes.</param>
    public static ProblemHttpResult TooManyBytes(HttpContext http, ShareResult refusal) => refusal == ShareResult.ClientHasItsShare
        ? RetryLater(http, TooManyRequests, "Large answers to this client are still being sent. Read them first, or request fewer products.")
        : RetryLater(http, TooManyLargeAnswers, "Too many large answers are being sent to other clients. Repeat the request, or request fewer products.");

    /// <summary>
    /// Every problem carries the id of the trace on the server, except one that shared caches may store: that is the answer to other requests
    /// too. Its type leads to the page also where a proxy offers the service under a prefix.
    /// </summary>
    public static IServiceCollection AddProblems(this IServiceCollection services) => services.AddProblemDetails(options =>
        options.CustomizeProblemDetails = context =>
        {
            var problem = context.ProblemDetails;
            problem.Extensions.Remove("traceId");
            if (!context.HttpContext.Response.Headers.CacheControl.ToString().StartsWith(CacheHeaders.Public, StringComparison.Ordinal))
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
