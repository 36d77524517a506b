using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using MassTransit;
using MassTransit.Context;
using MassTransit.KafkaIntegration;
using MassTransit.KafkaIntegration.Serializers;
using ProductCache.Contracts;
using ProductCache.UnitTests.Contracts;
using Null = Confluent.Kafka.Null;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class WireFormatTests
{
    [Test]
    public void ATextIsUtf8()
    {
        var data = Wire.Serialize("é1");

        Assert.That(Convert.ToHexString(data!), Is.EqualTo("C3A931"));
        Assert.That(Wire.Deserialize<string>(data), Is.EqualTo("é1"));
    }

    [TestCase(1, "0000000000000001")]
    [TestCase(-2, "FFFFFFFFFFFFFFFE")]
    [TestCase(long.MaxValue, "7FFFFFFFFFFFFFFF")]
    public void ALongIsEightBytesBigEndian(long number, string expected)
    {
        var data = Wire.Serialize(number);

        Assert.That(Convert.ToHexString(data!), Is.EqualTo(expected));
        Assert.That(Wire.Deserialize<long>(data), Is.EqualTo(number));
    }

    [Test]
    public void AnIntIsFourBytesBigEndian()
    {
        var data = Wire.Serialize(258);

        Assert.That(Convert.ToHexString(data!), Is.EqualTo("00000102"));
        Assert.That(Wire.Deserialize<int>(data), Is.EqualTo(258));
    }

    [Test]
    public void FloatingPointNumbersAreBigEndian()
    {
        var single = Wire.Serialize(1.5f);
        var twice = Wire.Serialize(1.5);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Convert.ToHexString(single!), Is.EqualTo("3FC00000"));
            Assert.That(Convert.ToHexString(twice!), Is.EqualTo("3FF8000000000000"));
            Assert.That(Wire.Deserialize<float>(single), Is.EqualTo(1.5f));
            Assert.That(Wire.Deserialize<double>(twice), Is.EqualTo(1.5));
        }
    }

    [Test]
    public async Task WhoAsksForJsonGetsItForSimpleTypesToo()
    {
        var data = await new MassTransitJsonSerializer<string>().SerializeAsync("é1", SerializationContext.Empty);
        var deserializer = new MassTransitJsonDeserializer<string>();

        Assert.That(Encoding.UTF8.GetString(data), Is.EqualTo("\"é1\""));
        Assert.That(deserializer.Deserialize(data, isNull: false, SerializationContext.Empty), Is.EqualTo("é1"));
        Assert.That(deserializer.Deserialize([], isNull: true, SerializationContext.Empty), Is.Null);

        // JSON has a text for null; a tombstone needs a serializer of its own.
        var none = await new MassTransitAsyncJsonSerializer<string>().SerializeAsync(null!, SerializationContext.Empty);
        Assert.That(Encoding.UTF8.GetString(none), Is.EqualTo("null"));
        Assert.That(deserializer.Deserialize(none, isNull: false, SerializationContext.Empty), Is.Null);
    }

    [Test]
    public void BytesAreThemselves()
    {
        byte[] bytes = [0, 1, 255];

        Assert.That(Wire.Serialize(bytes), Is.EqualTo(bytes));
        Assert.That(Wire.Deserialize<byte[]>(bytes), Is.EqualTo(bytes));
    }

    [Test]
    public void NoKeyIsNull()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.Serialize<Null?>(null), Is.Null);
            Assert.That(Wire.Serialize<string?>(null), Is.Null);
            Assert.That(Wire.Deserialize<Null>(null), Is.Null);
            Assert.That(Wire.Deserialize<string>(null), Is.Null);
            Assert.That(Wire.Deserialize<byte[]>(null), Is.Null);
        }
    }

    [Test]
    public void AKeyThatNobodyReadsIsDropped() => Assert.That(Wire.Deserialize<Ignore>([1, 2, 3]), Is.Null);

    [Test]
    public void AnyOtherKeyIsJson()
    {
        var id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");

        var data = Wire.Serialize(id);

        Assert.That(Encoding.UTF8.GetString(data!), Is.EqualTo("\"00112233-4455-6677-8899-aabbccddeeff\""));
        Assert.That(Wire.Deserialize<Guid>(data), Is.EqualTo(id));
    }

    [Test]
    public void AMessageIsIndentedJsonWithoutAnEnvelope()
    {
        var data = Wire.Serialize(new ProductRequested { ProductId = 42 });

        Assert.That(Encoding.UTF8.GetString(data!), Is.EqualTo(Approved.Read("ProductRequested.approved.json")));
    }

    [TestCase("""{"productId":42}""")]
    [TestCase("""{"ProductId":42}""")]
    [TestCase("""{ "productId": 42, }""")]
    [TestCase("""{ /* of the shop */ "productId": 42 }""")]
    [TestCase("""{"productId":42,"reason":"unknown to this version"}""")]
    public void AMessageIsReadAsAnybodyMayWriteIt(string json) =>
        Assert.That(Wire.Deserialize<ProductRequested>(Encoding.UTF8.GetBytes(json)), Is.EqualTo(new ProductRequested { ProductId = 42 }));

    [Test]
    public void AValueThatIsNullOrEmptyIsNoMessage()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.Deserialize<ProductRequested>(null), Is.Null);
            Assert.That(Wire.Deserialize<ProductRequested>([]), Is.Null);
        }
    }

    [TestCase("{")]
    [TestCase("42")]
    [TestCase("[]")]
    [TestCase("""{"productId":"many"}""")]
    [TestCase("\u0000\u0001")]
    public void AValueThatIsNotTheMessageIsRefused(string text) =>
        Assert.That(() => Wire.Deserialize<ProductRequested>(Encoding.UTF8.GetBytes(text)), Throws.InstanceOf<JsonException>());

    [Test]
    public void IdsAndAddressesAreTextHeaders()
    {
        var context = new MessageSendContext<ProductRequested>(new ProductRequested { ProductId = 1 })
        {
            MessageId = Guid.Parse("00000000-0000-0000-0000-000000000001"),
            CorrelationId = Guid.Parse("00000000-0000-0000-0000-000000000002"),
            ConversationId = Guid.Parse("00000000-0000-0000-0000-000000000003"),
            InitiatorId = Guid.Parse("00000000-0000-0000-0000-000000000004"),
            SourceAddress = new Uri("loopback://localhost/"),
            DestinationAddress = new Uri("loopback://localhost/kafka/product-requests"),
        };

        Assert.That(TextsOf(context), Is.EquivalentTo(new Dictionary<string, string>
        {
            ["MessageId"] = "00000000-0000-0000-0000-000000000001",
            ["CorrelationId"] = "00000000-0000-0000-0000-000000000002",
            ["ConversationId"] = "00000000-0000-0000-0000-000000000003",
            ["InitiatorId"] = "00000000-0000-0000-0000-000000000004",
            ["SourceAddress"] = "loopback://localhost/",
            ["DestinationAddress"] = "loopback://localhost/kafka/product-requests",
        }));
    }

    [Test]
    public void AHeaderOfTheCallerIsTextAndTheHostIsNotTold()
    {
        var context = new MessageSendContext<ProductRequested>(new ProductRequested { ProductId = 1 });
        context.Headers.Set("shop", "Zürich");
        context.Headers.Set("attempt", 3);
        context.Headers.Set("MT-Host-MachineName", "secret");

        var texts = TextsOf(context);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(texts["shop"], Is.EqualTo("Zürich"));
            Assert.That(texts["attempt"], Is.EqualTo("3"));
            Assert.That(texts.Keys, Has.None.StartsWith("MT-Host-"));
        }
    }

    [Test]
    public void ASetHeaderReplacesTheOneBefore()
    {
        var headers = new Confluent.Kafka.Headers();

        WireHeaders.Set(headers, "key", "one");
        WireHeaders.Set(headers, "key", "two");
        WireHeaders.Set(headers, "none", null);

        Assert.That(headers.Select(header => (header.Key, Encoding.UTF8.GetString(header.GetValueBytes()))), Is.EqualTo(new[] { ("key", "two") }));
    }

    private static Dictionary<string, string> TextsOf(SendContext context) =>
        WireHeaders.Instance.Serialize(context).ToDictionary(header => header.Key, header => Encoding.UTF8.GetString(header.GetValueBytes()));
}
