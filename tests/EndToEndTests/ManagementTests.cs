using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The management port, the details of health, and a process without a database.</summary>
[Category(TestCategories.Servers)]
public sealed class ManagementTests
{
    private static readonly NewApiKey Administrator = NewApiKey.Create("operator", [Scopes.Administer]);
    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);

    private readonly int port = TestServer.FreePort();
    private readonly int managementPort = TestServer.FreePort();
    private Deployment deployment = null!;
    private ServiceUnderTest api = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", $"{Administrator.Line};{Writer.Line}"));
        api = await deployment.StartAnotherApiAsync(
            ("API_PORT", $"{port}"), ("MANAGEMENT_PORT", $"{managementPort}"), ("MANAGEMENT_ADDRESS", "127.0.0.1"),
            ("DB_HOST", string.Empty), ("DB_PORT", string.Empty), ("DB_NAME", string.Empty), ("DB_USER", string.Empty), ("DB_PASSWORD", string.Empty));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await api.DisposeAsync();
        await deployment.DisposeAsync();
    }

    [TestCase("/metrics", 404, 200)]
    [TestCase("/health/live", 200, 200)]
    [TestCase("/health/ready", 200, 200)]
    [TestCase("/api/v1/products?ids=1", 200, 404)]
    [TestCase("/openapi/v1.json", 200, 404)]
    [TestCase("/", 200, 404)]
    public async Task EachPortServesItsRoutes(string path, int ofClients, int ofOperators)
    {
        using var client = new HttpClient();
        using var publicly = await client.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"));
        using var managed = await client.GetAsync(new Uri($"http://127.0.0.1:{managementPort}{path}"));

        Assert.That((int)publicly.StatusCode, Is.EqualTo(ofClients));
        Assert.That((int)managed.StatusCode, Is.EqualTo(ofOperators));
    }

    [Test]
    public async Task TheStateOfEachServerIsToldOnTheManagementPort()
    {
        var details = await DetailsAsync(managementPort, null);

        Assert.That(details!["status"]!.GetValue<string>(), Is.EqualTo("healthy"));
        Assert.That(details["checks"]!.AsArray().Select(check => check!["name"]!.GetValue<string>()), Does.Contain("redis").And.Contain("kafka").And.Not.Contain("postgresql"));
        Assert.That(details["checks"]!.AsArray().All(check => check!["since"] is not null), Is.True);
    }

    [TestCase("administrator", true)]
    [TestCase("writer", false)]
    [TestCase("nobody", false)]
    public async Task OnThePortOfClientsTheyAreForAdministrators(string who, bool isTold)
    {
        var key = who switch { "administrator" => Administrator.Text, "writer" => Writer.Text, _ => null };

        Assert.That(await DetailsAsync(deployment.ApiPort, key) is not null, Is.EqualTo(isTold));
    }

    [Test]
    public async Task ReadsNeedNoDatabase()
    {
        var id = await deployment.InsertAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await http.GetAsync(new Uri($"/productapp/{id}/", UriKind.Relative));
            return answer.StatusCode == HttpStatusCode.OK;
        });
    }

    [TestCase("POST", "/api/v1/products")]
    [TestCase("PUT", "/api/v1/products/1")]
    [TestCase("PATCH", "/api/v1/products/1")]
    [TestCase("DELETE", "/api/v1/products/1")]
    [TestCase("GET", "/api/v1/products")]
    [TestCase("GET", "/api/v1/products?q=tea")]
    public async Task WritesAndListsSayThatThereIsNoDatabase(string method, string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Writer.Text) } };
        if (method != "GET")
        {
            request.Content = new StringContent("""{"name":"Tea","price":1}""", Encoding.UTF8, "application/json");
        }

        using var answer = await http.SendAsync(request);

        Assert.That((int)answer.StatusCode, Is.EqualTo(501));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("/problems/no-database"));
    }

    [Test]
    public async Task WhatNeedsADatabaseIsNotInTheDocument()
    {
        using var http = new HttpClient();
        var paths = JsonNode.Parse(await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/openapi/v1.json")))!["paths"]!.AsObject();
        var methods = paths.SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key} {path.Key}")).ToList();
        var parameters = paths["/api/v1/products"]!["get"]!["parameters"]!.AsArray().Select(parameter => parameter!["name"]!.GetValue<string>());

        Assert.That(methods, Has.None.StartsWith("post").And.None.StartsWith("put").And.None.StartsWith("patch"));
        Assert.That(methods.Where(method => method.StartsWith("delete", StringComparison.Ordinal)), Is.EqualTo(new[] { "delete /api/v1/cache/products/{id}" }));
        Assert.That(parameters, Does.Contain("ids").And.Not.Contain("q"));
    }

    private static async Task<JsonNode?> DetailsAsync(int port, string? key)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/health/ready");
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return text.StartsWith('{') ? JsonNode.Parse(text) : null;
    }
}
