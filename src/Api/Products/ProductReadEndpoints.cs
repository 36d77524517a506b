using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Primitives;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <summary>
/// The routes of products, and what their outcomes are over HTTP. One object for all requests: a parameter that is a service
/// would cost each of them a scope of its own.
/// </summary>
internal sealed class ProductReadEndpoints(IMediator mediator, ProductListEndpoint list, ClientLimits limits, LargeAnswers answers, TimeProvider time)
{
    private const string RequestedOutcome = "requested";

    public async Task<IResult> GetProduct(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ProductId.TryParse(id, out var productId))
        {
            return NotAnId();
        }

        if (!FreshnessHeaders.TryReadFreshness(http.Request.Headers, out var freshness))
        {
            return NotAVersion();
        }

        if (EntityTags.Read(http.Request.Headers.IfMatch) is { IsMalformed: true })
        {
            return IfMatchHeader.NotAPrecondition();
        }

        var wait = PreferHeader.ReadWait(http.Request.Headers);
        var result = wait is null && freshness is null
            ? await mediator.Send(new GetProduct(productId, MayAsk: () => limits.MayMiss(http)), cancellationToken)
            : await SendWaitingAsync(http, productId, wait, freshness, cancellationToken);
        PreferHeader.Applied(http.Response.Headers, HasWaited(result) ? wait : null);
        switch (result)
        {
            case GetProductResult.Found found:
                return new CachedProductResult(found.Entry, found.Source, found.Forward, time.GetUtcNow());

            case GetProductResult.Absent absent:
                CacheHeaders.Write(http.Response.Headers, absent.Entry, absent.Source, absent.Forward, time.GetUtcNow());
                return Problems.Create(Problems.NoSuchProduct, $"There is no product {productId}.");

            case GetProductResult.Unreadable unreadable:
                CacheHeaders.Write(http.Response.Headers, unreadable.Entry, unreadable.Source, unreadable.Forward, time.GetUtcNow());
                return Problems.Create(Problems.UnreadableProduct, $"Product {productId} cannot be read. {unreadable.Entry.Reason}");

            case GetProductResult.Requested requested:
                return Requested(http, productId, requested.Forward);

            case GetProductResult.OlderThanDemanded older:
                CacheHeaders.WriteNothing(http.Response.Headers, CacheHeaders.WordsOf(older.Forward, stored: true));
                return Problems.Create(
                    Problems.OlderThanDemanded,
                    $"Product {productId} has version {older.Entry.Version}, read after this request came. The demanded version {freshness!.AtLeast} is newer.");

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

    // On its own, so that a read without demands pays nothing for it.
    private async Task<GetProductResult> SendWaitingAsync(
        HttpContext http, ProductId id, TimeSpan? wait, Freshness? freshness, CancellationToken cancellationToken)
    {
        using var places = limits.WaitingPlacesOf(http);
        return await mediator.Send(new GetProduct(id, wait, freshness, () => limits.MayMiss(http), places.TryTake), cancellationToken);
    }

    public async Task<IResult> GetProducts(HttpContext http, CancellationToken cancellationToken)
    {
        if (!http.Request.Query.ContainsKey("ids"))
        {
            // A list reads no product from the cache.
            return new CountedResult(await list.ListAsync(http, cancellationToken));
        }

        var isPage = http.Request.Query.Keys.Any(ProductListEndpoint.Parameters.Contains);
        if (!TryReadIds(http.Request.Query["ids"], out var ids, out var fault) || isPage)
        {
            fault = isPage ? "ids reads the products that it names, all at once; after, limit and q are for the list." : fault;
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

        // One of them has been counted already.
        if (!limits.MayRequest(http, ids.Count - 1))
        {
            return Problems.RateLimitExceeded(http);
        }

        var wait = PreferHeader.ReadWait(http.Request.Headers);
        var held = answers.Hold(http);
        GetProductResult[] results;
        using (var turn = await limits.BatchAsync(http, ids.Count, cancellationToken))
        using (var places = limits.WaitingPlacesOf(http))
        {
            if (!turn.IsAcquired)
            {
                return Problems.RateLimitExceeded(http);
            }

            results = [.. await mediator.Send(
                new GetProducts(
                    ids,
                    wait,
                    freshness,
                    () => limits.MayMiss(http),
                    places.TryTake,
                    result => ProductBatchResult.EntryOf(result) is not { } entry || held.TryAdd(entry.Body.Length)),
                cancellationToken)];
        }

        return new CountedResult(AnswerOf(http, ids, results, wait, held), [.. results.Select(OutcomeOf)]);
    }

    private IResult AnswerOf(HttpContext http, IReadOnlyList<ProductId> ids, GetProductResult[] results, TimeSpan? wait, HeldBytes held)
    {
        if (held.Refusal is { } refusal)
        {
            return Problems.TooManyBytes(http, refusal);
        }

        PreferHeader.Applied(http.Response.Headers, results.Any(HasWaited) ? wait : null);

        if (results.Any(result => result is GetProductResult.NotCached))
        {
            return NotCached(http);
        }

        // Where nothing at all can be told, the status says so; else each item has its own.
        return !results.All(result => result is GetProductResult.Unavailable or GetProductResult.TooManyMisses)
                ? new ProductBatchResult(ids, results, time.GetUtcNow(), answers, held)
            : results.OfType<GetProductResult.Unavailable>().FirstOrDefault() is { } unavailable ? Unavailable(http, unavailable)
            : TooManyMisses(http);
    }

    internal static ProblemHttpResult NotAnId() => Problems.Create(
        Problems.NotAProductId, "A product id is a whole number from 1 to 9223372036854775807, in digits without sign or leading zero.");

    /// <summary>ids=1,2,3, in one parameter or several; an id that comes again is folded into its first place.</summary>
    internal static bool TryReadIds(StringValues parameters, out IReadOnlyList<ProductId> ids, out string fault)
    {
        List<ProductId> read = [];
        HashSet<ProductId> seen = [];
        ids = read;
        fault = string.Empty;
        var place = 0;
        foreach (var text in parameters.SelectMany(parameter => (parameter ?? string.Empty).Split(',')))
        {
            place++;
            if (!ProductId.TryParse(text, out var id))
            {
                fault = string.Create(
                    CultureInfo.InvariantCulture,
                    $"ids is a list of product ids with commas between them, and number {place} in it is none: a whole number from 1 to 9223372036854775807, in digits without sign or leading zero.");
                return false;
            }

            if (seen.Add(id))
            {
                read.Add(id);
            }
        }

        fault = read.Count switch
        {
            0 => "ids names the products to read, with commas between them: ids=1,2,3.",
            > GetProductsHandler.MaxIds => $"ids may name at most {GetProductsHandler.MaxIds} products, not {read.Count}.",
            _ => string.Empty,
        };
        return fault.Length == 0;
    }

    private static CountedResult Requested(HttpContext http, ProductId id, Forward forward)
    {
        var headers = http.Response.Headers;
        CacheHeaders.WriteNothing(headers, CacheHeaders.WordsOf(forward, stored: false));
        headers.Location = string.Create(CultureInfo.InvariantCulture, $"{http.Request.PathBase}{http.Request.Path}");
        headers.RetryAfter = Problems.RetryAfter;
        var body = TypedResults.Json(
            new RequestedBody(id.Value, "requested", forward.Reason == ForwardReason.Miss
                ? "The product is not cached yet and has been requested. Ask again."
                : "The product is cached, but not as fresh as demanded. A newer copy has been requested. Ask again."),
            ApiJson.Default.RequestedBody,
            statusCode: StatusCodes.Status202Accepted);
        return new CountedResult(body, RequestedOutcome);
    }

    private static ProblemHttpResult NotCached(HttpContext http)
    {
        CacheHeaders.WriteNothing(http.Response.Headers, $"detail={Problems.NotCached.Name}");
        return Problems.Create(Problems.NotCached, "Only what is cached was asked for, and it is not cached as demanded. Nothing was requested.");
    }

    private static ProblemHttpResult TooManyMisses(HttpContext http) =>
        Problems.RetryLater(http, Problems.TooManyMisses, "This client asks for too much that is not cached. Nothing was requested.");

    private static ProblemHttpResult Unavailable(HttpContext http, GetProductResult.Unavailable result) => result.Dependency == Dependency.Cache
        ? Problems.RetryLater(http, Problems.CacheUnavailable, $"{result.Reason ?? "The cache does not answer"}. Nothing was requested.")
        : Problems.RetryLater(http, Problems.BrokerUnavailable, "The product is not cached as demanded and cannot be requested now.");

    private static ProblemHttpResult NotAVersion() => Problems.Create(
        Problems.NotAVersion,
        $"{FreshnessHeaders.VersionAtLeast} is a whole number from 1 to {ProductVersion.Max}, in digits without sign or leading zero: what an ETag has between its quotes.");

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

internal sealed record RequestedBody(long Id, string Status, string Detail);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(RequestedBody))]
internal sealed partial class ApiJson : JsonSerializerContext;
