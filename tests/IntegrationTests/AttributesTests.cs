using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests;

/// <summary>Members that the service does not know travel from writers to readers.</summary>
public sealed class AttributesTests
{
    private RunningService service = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => service = await RunningService.StartAsync();

    [OneTimeTearDown]
    public Task StopAsync() => service.DisposeAsync().AsTask();

    [Test]
    public async Task TheyAreCreatedReadAndListed()
    {
        var created = await SendAsync(HttpMethod.Post, "", """{"name":"Chair","price":1,"attributes":{"color":"red","sizes":[1,2]}}""");
        Assert.That(created.Status, Is.EqualTo(HttpStatusCode.Created));
        var id = (long)created.Body["id"]!;

        Assert.That((await ReadAsync(id))["attributes"]!.ToJsonString(), Is.EqualTo("""{"color":"red","sizes":[1,2]}"""));
        var page = JsonNode.Parse(await service.Api.GetStringAsync(new Uri("/api/v1/products?limit=500", UriKind.Relative)))!;
        Assert.That(page["items"]!.AsArray().Single(item => (long)item!["id"]! == id)!["attributes"]!["color"]!.GetValue<string>(), Is.EqualTo("red"));
    }

    [Test]
    public async Task AProductWithoutThemHasTheJsonOfBefore()
    {
        var id = await CreateAsync("""{"name":"Plain","price":1}""");
        Assert.That((await ReadAsync(id)).ToJsonString(), Is.EqualTo($$"""{"id":{{id}},"name":"Plain","price":1.00,"description":""}"""));

        var empty = await CreateAsync("""{"name":"Empty","price":1,"attributes":{}}""");
        Assert.That((await ReadAsync(empty)).ToJsonString(), Does.Not.Contain("attributes"));
    }

    [Test]
    public async Task APatchMergesAtAllLevels()
    {
        var id = await CreateAsync("""{"name":"Chair","price":1,"attributes":{"color":"red","size":{"w":1,"h":2},"old":true}}""");

        var patched = await SendAsync(HttpMethod.Patch, $"/{id}", """{"attributes":{"size":{"h":3,"d":4},"old":null,"tags":["a"]}}""");
        Assert.That(Sorted(patched.Body["attributes"]!), Is.EqualTo("""{"color":"red","size":{"d":4,"h":3,"w":1},"tags":["a"]}"""));
        Assert.That((await SendAsync(HttpMethod.Patch, $"/{id}", """{"price":2}""")).Body["attributes"], Is.Not.Null, "Absent: unchanged.");
        Assert.That((await SendAsync(HttpMethod.Patch, $"/{id}", """{"attributes":null}""")).Body["attributes"], Is.Null);
        Assert.That(
            (await SendAsync(HttpMethod.Patch, $"/{id}", """{"attributes":{"a":{"b":{"c":1}}}}""")).Body["attributes"]!.ToJsonString(), Is.EqualTo("""{"a":{"b":{"c":1}}}"""));
    }

    [Test]
    public async Task APutReplacesThem()
    {
        var id = await CreateAsync("""{"name":"Chair","price":1,"attributes":{"color":"red"}}""");

        Assert.That((await SendAsync(HttpMethod.Put, $"/{id}", """{"name":"Chair","price":1,"attributes":{"a":1}}""")).Body["attributes"]!.ToJsonString(), Is.EqualTo("""{"a":1}"""));
        Assert.That((await SendAsync(HttpMethod.Put, $"/{id}", """{"name":"Chair","price":1}""")).Body["attributes"], Is.Null);
    }

    [Test]
    public async Task AChangeOfOneOfThemReachesTheReaders()
    {
        var id = await CreateAsync("""{"name":"Chair","price":1,"attributes":{"color":"red"}}""");
        await ReadAsync(id);

        await service.ExecuteAsync($$"""UPDATE products SET attributes = '{"color": "blue"}' WHERE id = {{id}}""");
        await Eventually.TrueAsync(async () => (string?)(await ReadAsync(id))["attributes"]?["color"] == "blue");
    }

    [TestCase("""{"name":"x","price":1,"attributes":[1]}""", "attributes must be an object.")]
    [TestCase("""{"name":"x","price":1,"attributes":{"a":"\u0000"}}""", "null character")]
    [TestCase("""{"name":"x","price":1,"attribute":{"a":1}}""", "Unknown member")]
    public async Task AFaultIsToldWithItsPlace(string body, string detail)
    {
        var refused = await SendAsync(HttpMethod.Post, "", body);

        Assert.That((refused.Status, refused.Body.ToJsonString().Contains(detail, StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.UnprocessableEntity, true)), refused.Body.ToJsonString());
    }

    [Test]
    public async Task TheLargestAreKept()
    {
        var text = new string('x', ProductAttributes.MaxLength - 9);
        var id = await CreateAsync($$$"""{"name":"Large","price":1,"attributes":{"a":"{{{text}}}"}}""");

        Assert.That((string?)(await ReadAsync(id))["attributes"]!["a"], Has.Length.EqualTo(text.Length));
    }

    [TestCase("'[1]'")]
    [TestCase("jsonb_build_object('a', repeat('x', 80000))")]
    [TestCase("""'{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":1}}}}}}}}}'""")]
    public void SqlCannotStoreWhatTheServiceCannotRead(string value) => Assert.That(
        async () => await service.ExecuteAsync($"INSERT INTO products (name, price, attributes) VALUES ('x', 1, {value})"),
        Throws.Exception.With.Message.Contains("products_attributes_valid"));

    [Test]
    public async Task ARepeatedCreationAnswersTheSame()
    {
        var key = Guid.NewGuid().ToString();
        var first = await SendAsync(HttpMethod.Post, "", """{"name":"Twice","price":1,"attributes":{"bb":1e2,"a":1}}""", key);
        var second = await SendAsync(HttpMethod.Post, "", """{"name":"Twice","price":1,"attributes":{"bb":1e2,"a":1}}""", key);
        var other = await SendAsync(HttpMethod.Post, "", """{"name":"Twice","price":1,"attributes":{"a":2}}""", key);

        Assert.That(second.Body.ToJsonString(), Is.EqualTo(first.Body.ToJsonString()));
        Assert.That(other.Status, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
    }

    private static string Sorted(JsonNode node) => node is JsonObject members
        ? $"{{{string.Join(',', members.OrderBy(member => member.Key, StringComparer.Ordinal).Select(member => $"\"{member.Key}\":{Sorted(member.Value!)}"))}}}"
        : node.ToJsonString();

    private async Task<long> CreateAsync(string body)
    {
        var created = await SendAsync(HttpMethod.Post, "", body);
        Assert.That(created.Status, Is.EqualTo(HttpStatusCode.Created), created.Body.ToJsonString());
        return (long)created.Body["id"]!;
    }

    private async Task<JsonNode> ReadAsync(long id) => JsonNode.Parse(await service.ReadAsync(id))!;

    private async Task<(HttpStatusCode Status, JsonNode Body)> SendAsync(HttpMethod method, string path, string body, string? key = null)
    {
        using var request = new HttpRequestMessage(method, $"/api/v1/products{path}")
        {
            Content = new StringContent(body, Encoding.UTF8, method == HttpMethod.Patch ? "application/merge-patch+json" : "application/json"),
        };
        if (method != HttpMethod.Post)
        {
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        }

        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var answer = await service.Api.SendAsync(request);
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }
}
