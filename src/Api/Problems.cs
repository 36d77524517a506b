using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ProductCache.Api;

/// <summary>
/// One sort of problem (RFC 9457): what it is over HTTP, and the outcome that productcache.reads or productcache.refused counts. Each
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

    public static readonly Problem NoCredential = new("no-credential", StatusCodes.Status401Unauthorized, "No credential", "no_credential");

    public static readonly Problem WrongCredential = new(
        "wrong-credential", StatusCodes.Status401Unauthorized, "Wrong credential", "wrong_credential");

    public static readonly Problem MissingScope = new("missing-scope", StatusCodes.Status403Forbidden, "Missing scope", "missing_scope");

    public static readonly Problem NoSuchProduct = new("no-such-product", StatusCodes.Status404NotFound, "No such product", "absent");

    public static readonly Problem OlderThanDemanded = new(
        "older-than-demanded", StatusCodes.Status412PreconditionFailed, "Older than demanded", "older_than_demanded");

    public static readonly Problem TooManyMisses = new("too-many-misses", StatusCodes.Status429TooManyRequests, "Too many misses", "too_many_misses");

    public static readonly Problem CacheUnavailable = new(
        "cache-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "cache_unavailable");

    public static readonly Problem BrokerUnavailable = new(
        "broker-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "broker_unavailable");

    public static readonly Problem AuthorityUnavailable = new(
        "authority-unavailable", StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable", "authority_unavailable");

    public static readonly Problem NotCached = new("not-cached", StatusCodes.Status504GatewayTimeout, "Not cached", "not_cached");

    public static IReadOnlyList<Problem> All { get; } =
    [
        NotAProductId, NotAListOfIds, NotAVersion, NoCredential, WrongCredential, MissingScope, NoSuchProduct, OlderThanDemanded, TooManyMisses, NotCached,
        CacheUnavailable, BrokerUnavailable, AuthorityUnavailable,
    ];

    /// <summary>What a reader who was told to come back should let pass, in seconds.</summary>
    public const string RetryAfter = "1";

    public static ProblemHttpResult Of(Problem problem, string detail) =>
        TypedResults.Problem(detail, type: problem.Type, statusCode: problem.Status, title: problem.Title);

    /// <summary>One that says when to come back, and is nobody's to keep.</summary>
    public static ProblemHttpResult ComeBack(HttpContext http, Problem problem, string detail)
    {
        http.Response.Headers.RetryAfter = RetryAfter;
        CacheHeaders.WriteNothing(http.Response.Headers, $"detail={problem.Name}");
        return Of(problem, detail);
    }

    /// <summary>Every problem carries the id of the trace that its request belongs to, if it is of one: that of its traceparent.</summary>
    public static IServiceCollection AddProblems(this IServiceCollection services) => services.AddProblemDetails(options =>
        options.CustomizeProblemDetails = context => context.ProblemDetails.Extensions["traceId"] = TraceOf(context.HttpContext));

    public static void MapProblems(this IEndpointRouteBuilder routes) => routes.MapMethods($"{Path}/{{name}}", Reading.Methods, Page);

    /// <summary>The page of a problem, in Markdown.</summary>
    internal static Stream? Open(string name) => Assembly.GetExecutingAssembly().GetManifestResourceStream($"problems/{name}.md");

    private static string TraceOf(HttpContext http) =>
        ActivityContext.TryParse(http.Request.Headers.TraceParent, null, out var parent) ? parent.TraceId.ToHexString()
            : Activity.Current?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString();

    private static Results<FileStreamHttpResult, NotFound> Page(string name) =>
        All.FirstOrDefault(problem => problem.Name == name) is { } known && Open(known.Name) is { } page
            ? TypedResults.Stream(page, "text/markdown; charset=utf-8")
            : TypedResults.NotFound();
}
