using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// The handlers that read products, and the HTTP responses to their outcomes. A singleton: with services as handler parameters, each
/// request would create a service scope.
/// </summary>
/// <param name="list">Null: the process has no database.</param>
internal sealed class ProductReadEndpoints(
    IMediator mediator,
    ClientLimits limits,
    LargeAnswers answers,
    ReadMetrics metrics,
    ProductIds productIds,
    CacheHeaders cacheHeaders,
    DefaultWait defaultWait,
    TimeProvider time,
    ProductListEndpoint? list = null)
{
    private const string RequestedOutcome = "requested";

    public async Task<IResult> GetProduct(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!productIds.TryReadPath(http, id, out var productId))
        {
            return NotAnId(productIds.Type);
        }

        if (!FreshnessHeaders.TryReadFreshness(http.Request.Headers, out var freshness))
        {
            return NotAVersion();
        }

        if (EntityTags.Read(http.Request.Headers.IfMatch) is { IsMalformed: true })
        {
            return IfMatchHeader.NotAPrecondition();
        }

        var preferred = PreferHeader.ReadWait(http.Request.Headers);
        using var miss = limits.OfMiss(http);
        var result = await mediator.Send(new GetProduct(productId, preferred ?? defaultWait.Wait, freshness, miss.MayAsk, miss.MayWait), cancellationToken);
        metrics.Count(productId, result);
        PreferHeader.Applied(http.Response.Headers, HasWaited(result) ? preferred : null);
        switch (result)
        {
            case GetProductResult.Found found:
                return new CachedProductResult(productId, found.Entry, found.Source, found.Forward, time.GetUtcNow(), cacheHeaders);

            case GetProductResult.Absent absent:
                cacheHeaders.Write(http.Response.Headers, productId, absent.Entry, absent.Source, absent.Forward, time.GetUtcNow());
                return Problems.Create(Problems.NoSuchProduct, $"There is no product {productId.Text}.");

            case GetProductResult.Unreadable unreadable:
                cacheHeaders.Write(http.Response.Headers, productId, unreadable.Entry, unreadable.Source, unreadable.Forward, time.GetUtcNow());
                return Problems.Create(Problems.UnreadableProduct, $"Product {productId.Text} cannot be read. {unreadable.Entry.Reason}");

            case GetProductResult.Requested requested:
                return Requested(http, productId, requested.Forward);

            case GetProductResult.OlderThanDemanded older:
                CacheHeaders.WriteNothing(http.Response.Headers, CacheHeaders.StatusOf(older.Forward, stored: true));
                return Problems.Create(
                    Problems.OlderThanDemanded,
                    $"Product {productId.Text} has version {older.Entry.Version}, read after this request arrived. The required version {freshness!.AtLeast} is newer.");

            case GetProductResult.TooManyMisses:
                return TooManyMisses(http);

            case GetProductResult.NotCached:
                return NotCached(http);

            case GetProductResult.Unavailable unavailable:
                return Unavailable(http, unavailable);

            default:
                throw NoAnswerFor(result);
        }
    }

    public async Task<IResult> GetProducts(HttpContext http, CancellationToken cancellationToken)
    {
        if (!http.Request.Query.ContainsKey("ids"))
        {
            // A list does not read the cache, so productcache.reads does not count it.
            return new CountedResult(list is null ? Problems.NoDatabaseHere() : await list.ListAsync(http, cancellationToken));
        }

        var isPage = http.Request.Query.Keys.Any(ProductListEndpoint.Parameters.Contains);
        if (!TryReadIds(productIds.ReadQuery(http.Request), productIds.Type, out var ids, out var fault) || isPage)
        {
            fault = isPage ? "ids cannot be combined with after, limit or q, which are parameters of the list." : fault;
            return Problems.Create(Problems.NotAListOfIds, fault);
        }

        if (!FreshnessHeaders.TryReadFreshness(http.Request.Headers, out var freshness))
        {
            return NotAVersion();
        }

        if (IfMatchHeader.OfUntagged(http) is { } unmet)
        {
            return unmet;
        }

        // The request itself has been counted as one.
        if (!limits.MayRequest(http, ids.Count - 1))
        {
            return Problems.RateLimitExceeded(http);
        }

        var preferred = PreferHeader.ReadWait(http.Request.Headers);
        var held = answers.Hold(http);
        GetProductResult[] results;
        using (var turn = await limits.BatchAsync(http, ids.Count, cancellationToken))
        using (var miss = limits.OfMiss(http))
        {
            if (!turn.IsAcquired)
            {
                return Problems.RateLimitExceeded(http);
            }

            results = [.. await mediator.Send(
                new GetProducts(
                    ids,
                    preferred ?? defaultWait.Wait,
                    freshness,
                    miss.MayAsk,
                    miss.MayWait,
                    entry => held.TryAdd(entry.BodyLength)),
                cancellationToken)];
        }

        for (var i = 0; i < results.Length; i++)
        {
            metrics.Count(ids[i], results[i]);
        }

        return new CountedResult(AnswerOf(http, ids, results, preferred, held), [.. results.Select(OutcomeOf)]);
    }

    private IResult AnswerOf(HttpContext http, IReadOnlyList<ProductId> ids, GetProductResult[] results, TimeSpan? preferred, HeldBytes held)
    {
        if (held.Refusal is { } refusal)
        {
            return Problems.TooManyBytes(http, refusal);
        }

        PreferHeader.Applied(http.Response.Headers, results.Any(HasWaited) ? preferred : null);

        if (results.Any(result => result is GetProductResult.NotCached))
        {
            return NotCached(http);
        }

        // If every item failed, the status of the response says so. Otherwise each item has its own status.
        return !results.All(result => result is GetProductResult.Unavailable or GetProductResult.TooManyMisses)
                ? new ProductBatchResult(ids, results, time.GetUtcNow(), answers, held, productIds, cacheHeaders)
            : results.OfType<GetProductResult.Unavailable>().FirstOrDefault() is { } unavailable ? Unavailable(http, unavailable)
            : TooManyMisses(http);
    }

    internal static ProblemHttpResult NotAnId(ProductIdType type) => Problems.Create(Problems.NotAProductId, $"A product id must be {type.Rule}.");

    /// <summary>Reads ids=1,2,3 from one or more parameters. A duplicate id is ignored.</summary>
    internal static bool TryReadIds(IEnumerable<string> texts, ProductIdType type, out IReadOnlyList<ProductId> ids, out string fault)
    {
        List<ProductId> read = [];
        HashSet<ProductId> seen = [];
        ids = read;
        fault = string.Empty;
        var place = 0;
        foreach (var text in texts)
        {
            place++;
            if (!type.TryParse(text, out var id))
            {
                fault = string.Create(
                    CultureInfo.InvariantCulture,
                    $"ids must be a comma-separated list of product ids. Value {place} is not a product id: {type.Rule}.");
                return false;
            }

            if (seen.Add(id))
            {
                read.Add(id);
            }
        }

        fault = read.Count switch
        {
            0 => "ids must have at least one product id, for example ids=1,2,3.",
            > GetProductsHandler.MaxIds => $"ids may have at most {GetProductsHandler.MaxIds} product ids, not {read.Count}.",
            _ => string.Empty,
        };
        return fault.Length == 0;
    }

    private CountedResult Requested(HttpContext http, ProductId id, Forward forward)
    {
        var headers = http.Response.Headers;
        CacheHeaders.WriteNothing(headers, CacheHeaders.StatusOf(forward, stored: false));
        headers.Location = string.Create(CultureInfo.InvariantCulture, $"{http.Request.PathBase}{http.Request.Path}");
        headers.RetryAfter = Problems.RetryAfter;
        var body = TypedResults.Json(
            new RequestedBody(productIds.NodeOf(id), "requested", forward.Reason == ForwardReason.Miss
                ? "The product is not cached yet. It has been requested; retry later."
                : "The cached product is not fresh enough. A newer copy has been requested; retry later."),
            ApiJson.Default.RequestedBody,
            statusCode: StatusCodes.Status202Accepted);
        return new CountedResult(body, RequestedOutcome);
    }

    private static ProblemHttpResult NotCached(HttpContext http)
    {
        CacheHeaders.WriteNothing(http.Response.Headers, $"detail={Problems.NotCached.Name}");
        return Problems.Create(Problems.NotCached, "The request allows only cached products, and no cached copy meets it. No fill was requested.");
    }

    private static ProblemHttpResult TooManyMisses(HttpContext http) =>
        Problems.RetryLater(http, Problems.TooManyMisses, "The rate limit for uncached products is exceeded. No fill was requested; retry later.");

    private static ProblemHttpResult Unavailable(HttpContext http, GetProductResult.Unavailable result) => result.Dependency == Dependency.Cache
        ? Problems.RetryLater(http, Problems.CacheUnavailable, $"{result.Reason ?? "The cache did not respond"}. No fill was requested.")
        : Problems.RetryLater(http, Problems.BrokerUnavailable, "No cached copy meets the request, and a fill cannot be requested now.");

    private static ProblemHttpResult NotAVersion() => Problems.Create(
        Problems.NotAVersion,
        $"{FreshnessHeaders.VersionAtLeast} must be an integer from 1 to {ProductVersion.Max}, in digits without sign or leading zeros: the value of an ETag without its quotes.");

    private static bool HasWaited(GetProductResult result) => result
        is GetProductResult.Requested or GetProductResult.OlderThanDemanded or GetProductResult.Found { Source: EntrySource.Fill } or GetProductResult.Absent { Source: EntrySource.Fill };

    private static string OutcomeOf(GetProductResult result) => result switch
    {
        GetProductResult.Found found => CachedProductResult.OutcomeOf(found.Source),
        GetProductResult.Absent => Problems.NoSuchProduct.Outcome,
        GetProductResult.Unreadable => Problems.UnreadableProduct.Outcome,
        GetProductResult.Requested => RequestedOutcome,
        GetProductResult.OlderThanDemanded => Problems.OlderThanDemanded.Outcome,
        GetProductResult.TooManyMisses => Problems.TooManyMisses.Outcome,
        GetProductResult.TooLarge => Problems.TooManyLargeAnswers.Outcome,
        GetProductResult.NotCached => Problems.NotCached.Outcome,
        GetProductResult.Unavailable { Dependency: Dependency.Cache } => Problems.CacheUnavailable.Outcome,
        GetProductResult.Unavailable => Problems.BrokerUnavailable.Outcome,
        _ => throw NoAnswerFor(result),
    };

    private static InvalidOperationException NoAnswerFor(GetProductResult result) => new($"No answer for {result.GetType().Name}.");
}

internal sealed record RequestedBody(JsonNode Id, string Status, string Detail);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(RequestedBody))]
internal sealed partial class ApiJson : JsonSerializerContext;
