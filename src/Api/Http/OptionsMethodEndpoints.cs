namespace ProductCache.Api.Http;

/// <summary>OPTIONS for every route: 204 with the supported methods in Allow.</summary>
internal static class OptionsMethodEndpoints
{
    /// <summary>Covers all routes that have been mapped before.</summary>
    public static void MapOptionsMethod(this WebApplication application)
    {
        var methods =
            from source in ((IEndpointRouteBuilder)application).DataSources
            from endpoint in source.Endpoints.OfType<RouteEndpoint>()
            from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
            group method by endpoint.RoutePattern.RawText!;
        foreach (var route in methods.ToList())
        {
            var allow = string.Join(", ", route.Append(HttpMethods.Options).Distinct().Order(StringComparer.Ordinal));
            application.MapMethods(route.Key, [HttpMethods.Options], (HttpContext http) =>
            {
                http.Response.Headers.Allow = allow;
                return TypedResults.NoContent();
            });
        }
    }
}
