using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MassTransit;
using MassTransit.Context;
using MassTransit.KafkaIntegration;
using MassTransit.Serialization;
using Microsoft.Extensions.Configuration;
using ProductCache.Contracts;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.TestSupport;
using ProductCache.UnitTests.KafkaRider;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ProductCache.UnitTests.Contracts;

/// <summary>docs/asyncapi.yaml says what the code does.</summary>
public sealed class AsyncApiTests
{
    private static readonly JsonSerializerOptions Options = SystemTextJsonMessageSerializer.Options;

    private static YamlNode Document { get; } = Load();

    private static KafkaOptions Defaults { get; } = KafkaOptions.Read(new Settings(
        new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("KAFKA_BOOTSTRAP", (string?)"localhost:9092")]).Build()));

    [Test]
    public void EveryTopicIsDescribedAndNoOther() =>
        Assert.That(Channels().Select(channel => TextOf(channel["address"])), Is.EquivalentTo(Topics.All));

    [Test]
    public void TopicsAreConfiguredAsTheyAreCreated()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (var channel in Channels())
            {
                var topic = TextOf(channel["address"]);
                var kafka = channel["bindings"]["kafka"];
                Assert.That(TextOf(kafka["partitions"]), Is.EqualTo(Defaults.Partitions.ToString(CultureInfo.InvariantCulture)), topic);
                Assert.That(
                    MembersOf(Find(kafka, "topicConfiguration")).ToDictionary(entry => entry.Name, entry => string.Join(',', TextsOf(entry.Value))),
                    Is.EquivalentTo(TopicCreation.ConfigurationOf(topic)),
                    topic);
            }
        }
    }

    [Test]
    public void TheWorkersGroupIsTheOneByDefault() =>
        Assert.That(
            MembersOf(Document["operations"]).Where(operation => TextOf(operation.Value["action"]) == "receive")
                .Select(operation => TextsOf(operation.Value["bindings"]["kafka"]["groupId"]["enum"]).Single()),
            Is.All.EqualTo(Defaults.Group).And.Not.Empty);

    [TestCase(typeof(ProductRequested), Topics.ProductRequests)]
    [TestCase(typeof(ProductChanged), Topics.ProductChanges)]
    public void AMessageHasTheMembersOfItsContract(Type contract, string topic)
    {
        var message = MessageOf(topic);
        var payload = Resolve(message["payload"]);
        var members = Options.GetTypeInfo(contract).Properties;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TextOf(message["name"]), Is.EqualTo(contract.Name));
            Assert.That(TextOf(message["x-message-urn"]), Is.EqualTo(MessageUrn.ForTypeString(contract)));
            Assert.That(
                MembersOf(payload["properties"]).Select(property => (property.Name, TypeOf(property.Value))),
                Is.EquivalentTo(members.Select(member => (member.Name, TypeOf(member.PropertyType)))));
            Assert.That(
                TextsOf(payload["required"]),
                Is.EquivalentTo(members.Where(member => member.IsRequired).Select(member => member.Name)));
        }
    }

    [TestCase(Topics.ProductRequests, "productId", long.MaxValue)]
    [TestCase(Topics.ProductChanges, "productId", long.MaxValue)]
    [TestCase(Topics.ProductChanges, "version", ProductChanged.MaxVersion)]
    public void ANumberHasTheLimitsOfItsContract(string topic, string member, long maximum)
    {
        var property = Resolve(MessageOf(topic)["payload"])["properties"][member];

        Assert.That((TextOf(property["minimum"]), TextOf(property["maximum"])), Is.EqualTo((member == "productId" ? "0" : "1", maximum.ToString(CultureInfo.InvariantCulture))));
    }

    [Test]
    public void EveryKindOfChangeIsNamed() =>
        Assert.That(
            TextsOf(Resolve(MessageOf(Topics.ProductChanges)["payload"])["properties"]["kind"]["enum"]),
            Is.EquivalentTo(Enum.GetNames<ProductChangeKind>().Select(JsonNamingPolicy.CamelCase.ConvertName)));

    [Test]
    public void TheExampleOfARequestIsReadAndWrittenByTheRider() => AssertExamples<ProductRequested>(Topics.ProductRequests);

    [Test]
    public void TheExamplesOfAChangeAreReadAndWrittenByTheRider() => AssertExamples<ProductChanged>(Topics.ProductChanges);

    [TestCase(Topics.ProductRequests)]
    [TestCase(Topics.ProductChanges)]
    public void TheHeadersAreThoseThatTheRiderWrites(string topic)
    {
        // What a producer sets; other ids are for callers who have them.
        var context = new MessageSendContext<ProductRequested>(new ProductRequested { ProductId = 1 })
        {
            MessageId = Guid.NewGuid(),
            ConversationId = Guid.NewGuid(),
            SourceAddress = new Uri("loopback://localhost/"),
            DestinationAddress = new Uri("loopback://localhost/kafka/topic"),
        };

        Assert.That(
            MembersOf(Resolve(MessageOf(topic)["headers"])["properties"]).Select(header => header.Name),
            Is.EquivalentTo(WireHeaders.Instance.Serialize(context).Select(header => header.Key)));
    }

    [TestCase(Topics.ProductRequests + Topics.DeadLetterSuffix)]
    [TestCase(Topics.ProductChanges + Topics.DeadLetterSuffix)]
    public void ADeadLetterHasTheHeadersThatTheRiderAdds(string topic)
    {
        // The names stand nowhere else.
        var source = File.ReadAllText(Path.Combine(Repository.Root, "src", "KafkaRider", "KafkaIntegration", "DeadLetters.cs"));
        var written = Regex.Matches(source, "\"(dead-letter-[a-z]+)\"").Select(name => name.Groups[1].Value).ToList();
        var headers = Resolve(MessageOf(topic)["headers"]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(MembersOf(headers["properties"]).Select(header => header.Name), Is.EquivalentTo(written));

            // Only where something was left out.
            Assert.That(TextsOf(headers["required"]), Is.EquivalentTo(written.Except(["dead-letter-omitted"])));
            Assert.That(
                TextsOf(headers["properties"]["dead-letter-stage"]["enum"]),
                Is.EquivalentTo(Enum.GetNames<DeadLetterStage>().Select(JsonNamingPolicy.CamelCase.ConvertName)));
            Assert.That(
                TextOf(headers["properties"]["dead-letter-reason"]["maxLength"]),
                Is.EqualTo(DeadLetters.MaxReasonLength.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private static void AssertExamples<T>(string topic)
        where T : class
    {
        var examples = ((YamlSequenceNode)MessageOf(topic)["examples"]).Select(example => JsonOf(example["payload"])).ToList();

        Assert.That(examples, Is.Not.Empty);
        foreach (var example in examples)
        {
            var message = Wire.Deserialize<T>(Encoding.UTF8.GetBytes(example.ToJsonString()));
            var written = JsonNode.Parse(Wire.Serialize(message));
            Assert.That(JsonNode.DeepEquals(written, example), Is.True, $"{written} is not {example}");
        }
    }

    private static YamlNode Load()
    {
        var yaml = new YamlStream();
        using var reader = new StreamReader(Path.Combine(Repository.Root, "docs", "asyncapi.yaml"));
        yaml.Load(reader);
        return yaml.Documents.Single().RootNode;
    }

    private static IEnumerable<YamlNode> Channels() => MembersOf(Document["channels"]).Select(channel => channel.Value);

    private static YamlNode MessageOf(string topic) =>
        Resolve(MembersOf(Channels().Single(channel => TextOf(channel["address"]) == topic)["messages"]).Single().Value);

    private static YamlNode Resolve(YamlNode node) => Find(node, "$ref") is { } reference
        ? TextOf(reference).Split('/').Skip(1).Aggregate(Document, (parent, name) => parent[name])
        : node;

    private static YamlNode? Find(YamlNode node, string name) => ((YamlMappingNode)node).Children.TryGetValue(name, out var value) ? value : null;

    private static IEnumerable<(string Name, YamlNode Value)> MembersOf(YamlNode? node) =>
        ((YamlMappingNode?)node)?.Children.Select(entry => (TextOf(entry.Key), entry.Value)) ?? [];

    private static string TextOf(YamlNode node) => ((YamlScalarNode)node).Value!;

    private static IEnumerable<string> TextsOf(YamlNode node) => node is YamlSequenceNode list ? list.Select(TextOf) : [TextOf(node)];

    private static string TypeOf(YamlNode property) =>
        Find(property, "format") is { } format ? $"{TextOf(property["type"])} {TextOf(format)}" : TextOf(property["type"]);

    private static string TypeOf(Type type) => type switch
    {
        _ when type == typeof(long) => "integer",
        _ when type == typeof(string) => "string",
        _ when type == typeof(DateTimeOffset) => "string date-time",
        _ when type.IsEnum => "string",
        _ => throw new NotSupportedException($"No schema type for {type.Name} yet."),
    };

    private static JsonNode JsonOf(YamlNode node) => node switch
    {
        YamlMappingNode => new JsonObject(MembersOf(node).Select(member => KeyValuePair.Create(member.Name, (JsonNode?)JsonOf(member.Value)))),
        YamlScalarNode { Style: ScalarStyle.Plain } scalar when long.TryParse(scalar.Value, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
        _ => JsonValue.Create(TextOf(node)),
    };
}
