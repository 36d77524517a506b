using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace ProductCache.Bench;

/// <summary>The peers without a caching library: the bounds between which the others lie.</summary>
internal static class BarePeers
{
    /// <summary>The same body for every id.</summary>
    public static void MapFixedBody(WebApplication application)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new PeerProduct(1, "Product 1", 9.99m, new string('x', 100)), PeerJson.Default.PeerProduct);
        application.MapGet("/productapp/{id}", (HttpContext http) => WriteAsync(http, body));
    }

    /// <summary>What the key of the id holds.</summary>
    public static void MapRedis(WebApplication application, IDatabase redis) => application.MapGet("/productapp/{id}", async (HttpContext http) =>
    {
        var id = long.Parse((string)http.Request.RouteValues["id"]!, CultureInfo.InvariantCulture);
        await WriteAsync(http, (byte[])(await redis.StringGetAsync(Peers.RawKey(id)))!);
    });

    /// <summary>The row of the id.</summary>
    public static void MapSql(WebApplication application) => application.MapGet(
        "/productapp/{id:long}",
        async (long id, PeerProducts products, CancellationToken cancellationToken) =>
            await products.FindAsync(id, cancellationToken) is { } product ? Results.Ok(product) : Results.NotFound());

    private static Task WriteAsync(HttpContext http, byte[] body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = body.Length;
        return http.Response.BodyWriter.WriteAsync(body).AsTask();
    }
}
