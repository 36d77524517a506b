using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CsCheck;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>The API is what its description says.</summary>
[Category(TestCategories.Servers)]
public sealed class DescriptionTests
{
    private const int Requests = 10_000;

    // A write has to meet many conditions to succeed: what has not succeeded in one round is tried in another.
    private const int Rounds = 5;

    /// <summary>Ids that requests choose from; the first are there at the beginning.</summary>
    private const int Ids = 60;

    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Read, Scopes.Write]);
    private static readonly NewApiKey Administrator = NewApiKey.Create("administrator", [Scopes.Administer]);

    private Deployment deployment = null!;
    private string text = null!;
    private JsonElement document;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(
            ("API_KEYS", $"{Writer.Line};{Administrator.Line}"),
            ("API_WRITES_PER_SECOND", "0"),
            ("API_LISTS_PER_SECOND", "0"),
            ("API_MISSES_PER_SECOND", "0"));
        text = await deployment.Http.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        document = JsonDocument.Parse(text).RootElement;
    }

    [OneTimeTearDown]
    public ValueTask StopAsync() => deployment.DisposeAsync();

    [Test]
    public void TheDocumentIsTheApprovedOne()
    {
        var path = Path.Combine(Repository.Root, "docs", "openapi.json");
        var received = text.ReplaceLineEndings().TrimEnd() + Environment.NewLine;
        var approved = File.Exists(path) ? File.ReadAllText(path) : string.Empty;
        if (received != approved)
        {
            var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "openapi.received.json");
            File.WriteAllText(file, received);
            Assert.That(received, Is.EqualTo(approved), $"Clients rely on this. If it is meant, approve it:{Environment.NewLine}cp '{file}' '{path}'");
        }
    }

    [Test]
    public void ExamplesAreWhatTheirSchemasSay()
    {
        var schema = new JsonSchema(document);
        var media = Descendants(document.GetProperty("paths")).Where(element => element.ValueKind == JsonValueKind.Object && element.TryGetProperty("schema", out _)).ToList();
        var examples = media.SelectMany(element => ExamplesOf(element).Select(example => (Schema: element.GetProperty("schema"), Example: example))).ToList();

        Assert.That(examples, Has.Count.GreaterThan(100));
        Assert.That(examples.SelectMany(pair => schema.Violations(pair.Schema, pair.Example)), Is.Empty);
    }

    [Test]
    public async Task ThePageNeedsNothingFromElsewhere()
    {
        using var page = await deployment.GetAsync("/docs/");
        using var script = await deployment.GetAsync("/docs/scalar.js");
        var html = await page.Content.ReadAsStringAsync();

        Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(script.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(html, Does.Contain("openapi/v1.json").And.Not.Contain("http:").And.Not.Contain("https:").And.Not.Contain("src=\"//"));
        Assert.That(string.Join(' ', page.Headers.GetValues("Content-Security-Policy")), Does.Contain("default-src 'none'").And.Not.Contain("http"));
    }

    [Test]
    public async Task WhateverIsAskedIsAnsweredAsDescribed()
    {
        var schema = new JsonSchema(document);
        List<DescribedOperation> operations = [.. DescribedOperation.All(document)];
        ConcurrentDictionary<string, int> counts = [];
        List<string> unmet = [.. operations.Select(operation => operation.ToString())];
        for (var round = 1; round <= Rounds && unmet.Count > 0; round++)
        {
            await CreateSomeAsync();
            await GeneratedRequest.Any(operations, schema, Ids, Writer.Text, Writer.Text, Writer.Text, Administrator.Text, null, "pc_writer_wrong").SampleAsync(
                async request =>
                {
                    using var message = request.ToMessage();
                    using var answer = await deployment.Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
                    counts.AddOrUpdate($"{request.Operation} {(int)answer.StatusCode}", 1, (_, count) => count + 1);
                    var violations = await ViolationsAsync(request, answer, schema);
                    if (violations.Count > 0)
                    {
                        throw new AssertionException($"{request}\n=> {(int)answer.StatusCode} {string.Join("; ", violations)}\n{await answer.Content.ReadAsStringAsync()}");
                    }
                },
                iter: Requests,
                threads: 16,
                print: request => request.ToString());
            unmet.RemoveAll(operation => counts.Keys.Any(key => key.StartsWith($"{operation} 2", StringComparison.Ordinal)));
        }

        foreach (var (answer, count) in counts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            await TestContext.Out.WriteLineAsync($"{answer}: {count}");
        }

        // Every operation was asked well enough to succeed now and then.
        Assert.That(unmet, Is.Empty);
        Assert.That(deployment.Api.Output, Does.Not.Contain("fail:").And.Not.Contain("crit:"));
    }

    private async Task CreateSomeAsync()
    {
        for (var i = 0; i < Ids / 2; i++)
        {
            using var created = new HttpRequestMessage(HttpMethod.Post, "/api/v1/products") { Content = new StringContent("""{"name":"Tea","price":1}""", Encoding.UTF8, "application/json") };
            created.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Writer.Text);
            using var answer = await deployment.Http.SendAsync(created);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        }
    }

    private static async Task<List<string>> ViolationsAsync(GeneratedRequest request, HttpResponseMessage answer, JsonSchema schema)
    {
        if (!request.Operation.Answers.TryGetValue((int)answer.StatusCode, out var bodies))
        {
            return ["is not described"];
        }

        if (answer.Content.Headers.ContentType?.MediaType is { } type && type == "text/event-stream")
        {
            // It has no end.
            return bodies.ContainsKey(type) ? [] : ["is a stream"];
        }

        var body = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode == HttpStatusCode.BadRequest && body.Length == 0)
        {
            // The server could not parse the request: a null character in the path.
            return [];
        }

        if (bodies.Count == 0)
        {
            return body.Length == 0 ? [] : ["has a body"];
        }

        if (!bodies.TryGetValue(answer.Content.Headers.ContentType?.MediaType ?? "none", out var described))
        {
            return [$"has a body of {answer.Content.Headers.ContentType}"];
        }

        return answer.Content.Headers.ContentType!.MediaType!.EndsWith("json", StringComparison.Ordinal)
            ? [.. schema.Violations(described, JsonDocument.Parse(body).RootElement)]
            : [];
    }

    private static IEnumerable<JsonElement> ExamplesOf(JsonElement media) =>
        (media.TryGetProperty("example", out var one) ? [one] : Enumerable.Empty<JsonElement>())
        .Concat(media.TryGetProperty("examples", out var several) ? several.EnumerateObject().Select(example => example.Value.GetProperty("value")) : []);

    private static IEnumerable<JsonElement> Descendants(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member => Descendants(member.Value)).Prepend(element),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Descendants),
        _ => [],
    };
}
