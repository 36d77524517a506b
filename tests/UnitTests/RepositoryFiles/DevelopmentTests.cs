using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using YamlDotNet.RepresentationModel;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>The dev container, the profiles of the IDE and the requests for it fit to each other and to the service.</summary>
public sealed partial class DevelopmentTests
{
    [Test]
    public void TheDevContainerHasTheImagesOfTheTestsAndOfCompose()
    {
        string[] images = [Images.Postgres, Images.Redis, Images.Kafka];

        Assert.That(ImagesOf(".devcontainer/compose.yml"), Is.SupersetOf(images));
        Assert.That(ImagesOf("deploy/docker-compose.yml"), Is.EquivalentTo(images));
    }

    [TestCase("Api")]
    [TestCase("Worker")]
    public void AProfileUsesTheServersOfTheDevContainer(string project)
    {
        var profile = ProfileOf(project)["environmentVariables"]!;
        var database = Services(".devcontainer/compose.yml")["postgres"]["environment"];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TextOf("DB_NAME"), Is.EqualTo($"{database["POSTGRES_DB"]}"));
            Assert.That(TextOf("DB_USER"), Is.EqualTo($"{database["POSTGRES_USER"]}"));
            Assert.That(TextOf("DB_PASSWORD"), Is.EqualTo($"{database["POSTGRES_PASSWORD"]}"));
            Assert.That($"PLAINTEXT://{TextOf("KAFKA_BOOTSTRAP")}", Is.EqualTo($"{Services(".devcontainer/compose.yml")["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]}"));
            Assert.That((TextOf("DB_HOST"), TextOf("REDIS_HOST")), Is.EqualTo(("localhost", "localhost")));
        }

        string TextOf(string name) => profile[name]!.GetValue<string>();
    }

    [Test]
    public void StandaloneNeedsNoSettings() => Assert.That(ProfileOf("Standalone")["environmentVariables"], Is.Null);

    [Test]
    public void EveryRequestIsAnOperationOfTheApi()
    {
        var paths = JsonNode.Parse(RepositoryFile.Read("docs/openapi.json"))!["paths"]!.AsObject();
        var operations = paths.SelectMany(path => path.Value!.AsObject().Select(method => $"{method.Key.ToUpperInvariant()} {path.Key}")).ToList();
        var requests = Request().Matches(RepositoryFile.Read("ProductCache.http"))
            .Select(match => $"{match.Groups["method"].Value} {Id().Replace(match.Groups["path"].Value, "/{id}")}")
            .Distinct()
            .Where(request => request is not ("GET /openapi/v1.json" or "GET /health/ready"))
            .ToList();

        Assert.That(requests, Is.Not.Empty.And.SubsetOf(operations.Append("GET /productapp/{id}/")));
    }

    private static YamlNode Services(string file)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(RepositoryFile.Read(file)));
        return stream.Documents[0].RootNode["services"];
    }

    private static IEnumerable<string> ImagesOf(string file) => ((YamlMappingNode)Services(file)).Children.Values
        .OfType<YamlMappingNode>().Where(service => service.Children.ContainsKey("image") && !IsOptional(service)).Select(service => DefaultOfVariable().Replace($"{service["image"]}", "${default}"));

    // Of a profile, which the part that it shares with others names.
    private static bool IsOptional(YamlMappingNode service) =>
        service.Children.TryGetValue("<<", out var common) && common is YamlMappingNode shared && shared.Children.ContainsKey("profiles");

    private static JsonNode ProfileOf(string project) =>
        JsonNode.Parse(File.ReadAllText(Repository.PathOf($"src/{project}/Properties/launchSettings.json")))!["profiles"]![project]!;

    [GeneratedRegex(@"^(?<method>GET|POST|PUT|PATCH|DELETE) \{\{host\}\}(?<path>[^?\s]*)", RegexOptions.Multiline)]
    private static partial Regex Request();

    [GeneratedRegex(@"^\$\{\w+:-(?<default>.*)\}$")]
    private static partial Regex DefaultOfVariable();

    [GeneratedRegex(@"/\d+(?=/|$)")]
    private static partial Regex Id();
}
