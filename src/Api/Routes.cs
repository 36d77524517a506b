using ProductCache.Api.Auth;
using ProductCache.Api.Cache;
using ProductCache.Api.Console;
using ProductCache.Api.Events;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Api.OpenApi;
using ProductCache.Api.Products;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Api;

/// <summary>Every route of the Api with its handler, description, required scope, rate limit and counter.</summary>
internal static class Routes
{
    public const string Products = "/api/v1/products";
    public const string Product = $"{Products}/{{id}}";

    /// <summary>A product with the id events is read by the other URL.</summary>
    public const string Events = $"{Products}/events";

    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    public static void MapRoutes(this WebApplication application)
    {
        var services = application.Services;
        var hasDatabase = services.GetService<ProductListEndpoint>() is not null;
        var isBuiltIn = services.GetRequiredService<ProductMapping>().IsBuiltIn;
        var outcomes = services.GetRequiredService<OutcomeMetrics>();
        var reads = services.GetRequiredService<ProductReadEndpoints>();
        var writes = services.GetRequiredService<ProductWriteEndpoints>();
        var cache = services.GetRequiredService<CacheAdministration>();

        // Operations: /health/live, /health/ready and /metrics.
        application.MapHealth(ApiAuthorization.MayOperateAsync);
        application.MapMetrics().RequireMetrics();

        // Reads of products.
        var read = application.MapGroup(string.Empty).RequireRead().CountOutcomes(outcomes.Reads);
        read.MapRead("/productapp/{id}", reads.GetProduct).Describe(Operations.GetProductApp);
        read.MapRead(Product, reads.GetProduct).Describe(Operations.GetProduct);
        read.MapGet(Events, services.GetRequiredService<EventStreamEndpoint>().GetEvents).Describe(Operations.GetProductEvents);
        read.MapRead(Products, reads.GetProducts).Describe(hasDatabase ? Operations.GetProducts : Operations.GetProductsByIds);

        // Writes of products. Without a database or a table of its own they have an answer, but no description.
        var write = application.MapGroup(string.Empty).RequireWrite().RequireRateLimiting(RateLimits.Writes).CountOutcomes(outcomes.Writes);
        if (!isBuiltIn)
        {
            write.MapPost(Products, Problems.NotWrittenHere);
            write.MapMethods(Product, [HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete], Problems.NotWrittenHere);
        }
        else if (hasDatabase)
        {
            write.MapPost(Products, writes.CreateAsync).Describe(Operations.CreateProduct);
            write.MapPut(Product, writes.ReplaceAsync).Describe(Operations.ReplaceProduct);
            write.MapPatch(Product, writes.PatchAsync).Describe(Operations.PatchProduct);
            write.MapDelete(Product, writes.DeleteAsync).Describe(Operations.DeleteProduct);
        }
        else
        {
            write.MapPost(Products, Problems.NoDatabaseHere);
            write.MapMethods(Product, [HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete], Problems.NoDatabaseHere);
        }

        // Administration of the cache.
        var administration = application.MapGroup(string.Empty).RequireAdminister();
        administration.MapDelete("/api/v1/cache/products/{id}", cache.PurgeAsync).Describe(Operations.PurgeProduct);

        // Problem pages and the entry point.
        var pages = application.MapGroup(string.Empty);
        pages.MapRead($"{Problems.Path}/{{name}}", Problems.GetPage).Describe(Operations.GetProblem);
        pages.MapRead(Root.Path, Root.Get).Describe(Operations.GetRoot);

        // The console: the page at /, its files and its data.
        var console = services.GetRequiredService<ConsoleOptions>();
        if (console.IsOn)
        {
            var data = services.GetRequiredService<ConsoleEndpoints>();
            application.MapRead($"{ConsolePage.Path}/{{file}}", ConsolePage.GetFile);
            var viewers = application.MapGroup($"{ConsolePage.Path}/data").RequireMetricsUnless(console.IsOpen);
            viewers.MapRead("/instances", data.GetInstancesAsync);
            viewers.MapRead("/products/{id}", data.GetProductAsync);
            viewers.MapRead("/traces/{id}", data.GetTraceAsync);

            // Any credential may ask what it may do.
            application.MapRead($"{ConsolePage.Path}/data/scopes", ConsoleEndpoints.GetScopes).RequireAuthorization(ApiAuthorization.Read);
        }

        // OPTIONS for all routes above, then /openapi/v1.json and /docs.
        application.MapOptionsMethod();
        application.MapDescription();
    }

    /// <summary>GET and HEAD. For HEAD the server sends the same headers without the body.</summary>
    public static TBuilder AllowRead<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new HttpMethodMetadata(GetAndHead));

    private static RouteHandlerBuilder MapRead(this IEndpointRouteBuilder routes, string pattern, Delegate handler) =>
        routes.MapMethods(pattern, GetAndHead, handler);
}
