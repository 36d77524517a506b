using System.Globalization;
using System.Text.Json.Nodes;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>LOG_FORMAT, and what a service prints in a container.</summary>
[Category(TestCategories.NoServers)]
public sealed class JsonLogTests
{
    [TestCase("LOG_FORMAT", "json")]
    [TestCase("DOTNET_RUNNING_IN_CONTAINER", "true")]
    public async Task EveryLineIsJsonWithATimeInUtc(string key, string value)
    {
        // Its servers do not answer, so it has warnings to tell.
        await using var api = await ServiceUnderTest.StartApiAloneAsync(TestServer.FreePort(), (key, value));
        await Eventually.TrueAsync(() => api.Output.Contains("\"LogLevel\":\"Warning\"", StringComparison.Ordinal), "a warning");

        var lines = api.Output.Split(Environment.NewLine).Select(line => JsonNode.Parse(line)!).ToList();

        Assert.That(lines.Select(line => (string)line["Message"]!), Has.Some.Contains("Application started."));
        Assert.That(lines.Select(line => (string)line["Timestamp"]!), Is.All.Matches<string>(time =>
            DateTimeOffset.TryParseExact(time, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)));
    }

    [Test]
    public async Task TextIsPossibleInAContainer()
    {
        await using var api = await ServiceUnderTest.StartApiAloneAsync(TestServer.FreePort(), ("LOG_FORMAT", "text"), ("DOTNET_RUNNING_IN_CONTAINER", "true"));

        Assert.That(api.Output, Does.Contain("info: Microsoft.Hosting.Lifetime[0] Application started."));
    }
}
