using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using ProductCache.Api;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>Every route of the service, asked with every sort of credential. Whoever adds a route says here who may use it.</summary>
[Category(TestCategories.Servers)]
public sealed class AccessTests
{
    /// <summary>Its path, the body if there is one, and the statuses in the order of <see cref="Credentials"/>.</summary>
    private sealed record Row(string Path, string WhereReadsAreOpen, string WhereReadsAreProtected, string? Body = null);

    // A product that nobody has asked for is 202, so that is what a reader who may read gets. A writer is let in as far as to be told
    // what is wrong with its request.
    private static readonly Dictionary<string, Row> Table = new()
    {
        ["* /health/live"] = new("/health/live", "200 200 200 200 200", "200 200 200 200 200"),
        ["* /health/ready"] = new("/health/ready", "200 200 200 200 200", "200 200 200 200 200"),
        ["* /metrics"] = new("/metrics", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /openapi/v1.json"] = new("/openapi/v1.json", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /openapi/v1.json"] = new("/openapi/v1.json", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /docs/scalar.js"] = new("/docs/scalar.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /docs/scalar.js"] = new("/docs/scalar.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /docs/scalar.aspnetcore.js"] = new("/docs/scalar.aspnetcore.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /docs/scalar.aspnetcore.js"] = new("/docs/scalar.aspnetcore.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /docs/favicon.svg"] = new("/docs/favicon.svg", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /docs/favicon.svg"] = new("/docs/favicon.svg", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /docs/{documentName?}"] = new("/docs/", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /docs/{documentName?}"] = new("/docs/", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /"] = new("/", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /"] = new("/", "200 200 200 200 200", "200 200 200 200 200"),
        ["OPTIONS /"] = new("/", "204 204 204 204 204", "204 204 204 204 204"),
        ["GET /console/{file}"] = new("/console/app.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /console/{file}"] = new("/console/app.js", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /console/data/instances"] = new("/console/data/instances", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /console/data/instances"] = new("/console/data/instances", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /console/data/products/{id}"] = new("/console/data/products/{id}", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /console/data/products/{id}"] = new("/console/data/products/{id}", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /console/data/traces/{id}"] = new("/console/data/traces/7ace0000000000000000000000000001", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /console/data/traces/{id}"] = new("/console/data/traces/7ace0000000000000000000000000001", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /console/data/scopes"] = new("/console/data/scopes", "401 401 200 200 200", "401 401 200 200 200"),
        ["HEAD /console/data/scopes"] = new("/console/data/scopes", "401 401 200 200 200", "401 401 200 200 200"),
        ["OPTIONS /console/{file}"] = new("/console/app.js", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /console/data/instances"] = new("/console/data/instances", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /console/data/products/{id}"] = new("/console/data/products/{id}", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /console/data/traces/{id}"] = new("/console/data/traces/7ace0000000000000000000000000001", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /console/data/scopes"] = new("/console/data/scopes", "204 204 204 204 204", "204 204 204 204 204"),
        ["GET /problems/{name}"] = new("/problems/not-cached", "200 200 200 200 200", "200 200 200 200 200"),
        ["HEAD /problems/{name}"] = new("/problems/not-cached", "200 200 200 200 200", "200 200 200 200 200"),
        ["GET /productapp/{id}"] = new("/productapp/{id}/", "202 202 202 202 202", "401 401 202 202 202"),
        ["HEAD /productapp/{id}"] = new("/productapp/{id}/", "202 202 202 202 202", "401 401 202 202 202"),
        ["GET /api/v1/products/{id}"] = new("/api/v1/products/{id}", "202 202 202 202 202", "401 401 202 202 202"),
        ["HEAD /api/v1/products/{id}"] = new("/api/v1/products/{id}", "202 202 202 202 202", "401 401 202 202 202"),
        ["GET /api/v1/products/events"] = new("/api/v1/products/events?ids={id}", "200 200 200 200 200", "401 401 200 200 200"),
        ["OPTIONS /api/v1/products/events"] = new("/api/v1/products/events", "204 204 204 204 204", "204 204 204 204 204"),
        ["GET /api/v1/products"] = new("/api/v1/products?ids={id}", "200 200 200 200 200", "401 401 200 200 200"),
        ["POST /api/v1/products"] = new("/api/v1/products", "401 401 403 422 403", "401 401 403 422 403", Body: "{}"),
        ["PUT /api/v1/products/{id}"] = new("/api/v1/products/{id}", "401 401 403 428 403", "401 401 403 428 403"),
        ["PATCH /api/v1/products/{id}"] = new("/api/v1/products/{id}", "401 401 403 428 403", "401 401 403 428 403"),
        ["DELETE /api/v1/products/{id}"] = new("/api/v1/products/0", "401 401 403 400 403", "401 401 403 400 403"),
        ["DELETE /api/v1/cache/products/{id}"] = new("/api/v1/cache/products/{id}", "401 401 403 403 204", "401 401 403 403 204"),
        ["HEAD /api/v1/products"] = new("/api/v1/products?ids={id}", "200 200 200 200 200", "401 401 200 200 200"),
        ["OPTIONS /problems/{name}"] = new("/problems/not-cached", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /productapp/{id}"] = new("/productapp/{id}/", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /api/v1/products/{id}"] = new("/api/v1/products/{id}", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /api/v1/products"] = new("/api/v1/products", "204 204 204 204 204", "204 204 204 204 204"),
        ["OPTIONS /api/v1/cache/products/{id}"] = new("/api/v1/cache/products/{id}", "204 204 204 204 204", "204 204 204 204 204"),
    };

    private static readonly NewApiKey Reader = NewApiKey.Create("reader", [Scopes.Read]);
    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);
    private static readonly NewApiKey Administrator = NewApiKey.Create("administrator", [Scopes.Administer]);

    private static readonly (string Name, string? Text)[] Credentials =
    [
        ("none", null),
        ("wrong", NewApiKey.Create("reader", Scopes.All).Text),
        ("read-only", Reader.Text),
        ("write", Writer.Text),
        ("admin", Administrator.Text),
    ];

    [TestCase("open")]
    [TestCase("protected")]
    public async Task EveryRouteLetsInWhomTheTableSays(string reads)
    {
        var port = TestServer.FreePort();
        await using var host = await StartAsync(port, reads);
        try
        {
            var routes = RoutesOf(host).ToList();
            Assert.That(routes, Is.EquivalentTo(Table.Keys), "Each route has a row in the table.");
            Assert.That(await DifferencesAsync(port, reads, routes), Is.Empty);
        }
        finally
        {
            await host.StopAsync();
        }
    }

    private static async Task<List<string>> DifferencesAsync(int port, string reads, IEnumerable<string> routes)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        List<string> differences = [];
        foreach (var route in routes)
        {
            var row = Table[route];
            var expected = (reads == "open" ? row.WhereReadsAreOpen : row.WhereReadsAreProtected).Split(' ');
            Assert.That(expected, Has.Length.EqualTo(Credentials.Length), route);
            foreach (var ((name, text), status) in Credentials.Zip(expected))
            {
                var answered = await StatusAsync(http, route.Split(' ')[0], row, text);
                if (answered != status)
                {
                    differences.Add($"{route}, {name}: {answered} instead of {status}");
                }
            }
        }

        return differences;
    }

    private static async Task<WebApplication> StartAsync(int port, string reads)
    {
        var (redis, kafka) = (await SharedServers.Redis, await SharedServers.Kafka);
        Dictionary<string, string> settings = new(kafka.ClientSettings)
        {
            ["DB_HOST"] = "127.0.0.1",
            ["DB_NAME"] = "products",
            ["DB_USER"] = "nobody",
            ["DB_PASSWORD"] = "not used",
            ["REDIS_HOST"] = redis.Host,
            ["REDIS_PORT"] = redis.Port.ToString(CultureInfo.InvariantCulture),
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["API_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["API_READS"] = reads,
            ["API_DEFAULT_WAIT_SECONDS"] = "0",
            ["API_KEYS"] = string.Join(';', Reader.Line, Writer.Line, Administrator.Line),
            ["Logging:LogLevel:Default"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Warning",
        };
        var host = ApiHost.Build([.. settings.Select(setting => $"--{setting.Key}={setting.Value}")]);
        await host.StartAsync();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Reader.Text);
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/productapp/{TestProducts.NewId()}/"));
            return answer.StatusCode == HttpStatusCode.Accepted;
        });
        return host;
    }

    // One that names no methods accepts all: * here, and GET to ask.
    private static IEnumerable<string> RoutesOf(IEndpointRouteBuilder host) =>
        from endpoint in host.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["*"]
        select $"{method} {endpoint.RoutePattern.RawText}";

    private static async Task<string> StatusAsync(HttpClient http, string method, Row row, string? credential)
    {
        var path = row.Path.Replace("{id}", TestProducts.NewId().ToString(), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(method == "*" ? HttpMethod.Get : new HttpMethod(method), path);
        request.Headers.Authorization = credential is null ? null : new AuthenticationHeaderValue("Bearer", credential);
        request.Content = row.Body is null ? null : new StringContent(row.Body, Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
    }
}
