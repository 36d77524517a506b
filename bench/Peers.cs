using StackExchange.Redis;

namespace ProductCache.Bench;

/// <summary>What the service is measured beside: Kestrel that answers the same bytes from memory, and from one raw GET to Redis.</summary>
internal static class Peers
{
    public const string Key = "bench:raw";

    public static async Task RunAsync(string peer, int port, string redis)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenAnyIP(port);
        });
        var application = builder.Build();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis);
        var database = connection.GetDatabase();
        var body = (byte[])(await database.StringGetAsync(Key))!;
        if (peer == "kestrel")
        {
            application.MapGet("/productapp/{id}", (HttpContext http) => WriteAsync(http, body));
        }
        else
        {
            application.MapGet("/productapp/{id}", async (HttpContext http) => await WriteAsync(http, (byte[])(await database.StringGetAsync(Key))!));
        }

        await application.RunAsync();
    }

    private static Task WriteAsync(HttpContext http, byte[] body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = body.Length;
        return http.Response.BodyWriter.WriteAsync(body).AsTask();
    }
}
