using System.Text;
using System.Text.Json;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Application;

public sealed class CachedProductTests
{
    private static readonly DateTimeOffset FilledAt = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    [Test]
    public void AnEntryIsTheseBytes()
    {
        var product = TestProducts.Product(new ProductId(1), "Kettle", 123.45m, "Boils.", 258);

        var payload = CachedProduct.Of(product, FilledAt, Lifetime).Payload;

        // Format, version, filled at, lifetime, body.
        const string header = "01" + "0000000000000102" + "0000018BCFE5687B" + "00000000000927C0";
        const string body = """{"id":1,"name":"Kettle","price":123.45,"description":"Boils."}""";
        Assert.That(Convert.ToHexString(payload), Is.EqualTo(header + Convert.ToHexString(Encoding.UTF8.GetBytes(body))));
    }

    [Test]
    public void ANegativeEntryIsTheseBytes()
    {
        var payload = CachedProduct.Absent(FilledAt, TimeSpan.FromSeconds(30)).Payload;

        Assert.That(Convert.ToHexString(payload), Is.EqualTo("01" + "0000000000000000" + "0000018BCFE5687B" + "0000000000007530"));
    }

    [Test]
    public void AnEntryIsReadAsItWasWritten()
    {
        var written = Entry(name: "Kettle", version: ProductVersion.Max);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(CachedProduct.TryRead(written.Payload, out var read), Is.True);
            Assert.That(read!.Version, Is.EqualTo(ProductVersion.Max));
            Assert.That(read.IsAbsent, Is.False);
            Assert.That(read.FilledAt, Is.EqualTo(FilledAt));
            Assert.That(read.Lifetime, Is.EqualTo(Lifetime));
            Assert.That(read.Body.ToArray(), Is.EqualTo(written.Body.ToArray()));
            Assert.That(read.Payload, Is.EqualTo(written.Payload));
        }
    }

    [Test]
    public void ANegativeEntryIsReadAsOne()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(CachedProduct.TryRead(CachedProduct.Absent(FilledAt, Lifetime).Payload, out var read), Is.True);
            Assert.That(read!.IsAbsent, Is.True);
            Assert.That(read.Version, Is.Zero);
            Assert.That(read.FilledAt, Is.EqualTo(FilledAt));
            Assert.That(read.Lifetime, Is.EqualTo(Lifetime));
            Assert.That(read.Body.Length, Is.Zero);
        }
    }

    [Test]
    public void APayloadOfAnUnknownFormatIsAMiss([Values(0, 3, 123, 255)] byte format)
    {
        var payload = Entry().Payload;
        payload[0] = format;

        Assert.That(CachedProduct.TryRead(payload, out _), Is.False);
    }

    [Test]
    public void APayloadWithoutAWholeHeaderIsAMiss([Values(0, 1, 24)] int length) =>
        Assert.That(CachedProduct.TryRead(Entry().Payload[..length], out _), Is.False);

    [Test]
    public void NoPayloadIsAMiss() => Assert.That(CachedProduct.TryRead(null, out _), Is.False);

    [TestCase("é", "é")]
    [TestCase("名前", "名前")]
    [TestCase("<b>&'+", "<b>&'+")]
    [TestCase("say \"hi\"", @"say \""hi\""")]
    [TestCase(@"C:\new", @"C:\\new")]
    public void OnlyWhatJsonDemandsIsEscaped(string name, string expected) =>
        Assert.That(BodyOf(Entry(name: name)), Does.Contain($"\"name\":\"{expected}\""));

    [Test]
    public void ControlCharactersAreEscaped() =>
        Assert.That(BodyOf(Entry(description: "a\nb\tc\u0001d\u001fe")), Does.Contain(@"a\nb\tc\u0001d\u001Fe"));

    [Test]
    public void TheBodyIsTheProduct()
    {
        const string name = "é \"<b>\" \\ 😀";
        const string description = "one\ntwo\u0085\u2028";

        using var json = JsonDocument.Parse(Entry(name: name, description: description).Body);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                json.RootElement.EnumerateObject().Select(property => property.Name),
                Is.EqualTo(new[] { "id", "name", "price", "description" }));
            Assert.That(json.RootElement.GetProperty("name").GetString(), Is.EqualTo(name));
            Assert.That(json.RootElement.GetProperty("description").GetString(), Is.EqualTo(description));
        }
    }

    [TestCase("0", "0.00")]
    [TestCase("5", "5.00")]
    [TestCase("5.5", "5.50")]
    [TestCase("9999999999.99", "9999999999.99")]
    public void APriceIsWrittenWithTwoDecimals(string amount, string expected)
    {
        var price = new Price(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture));

        Assert.That(BodyOf(Entry(price: price)), Does.Contain($"\"price\":{expected},"));
    }

    [Test]
    public void RanksOrderWhatCanBeKnownOfAProduct()
    {
        var absent = CachedProduct.Absent(FilledAt, Lifetime).Rank;
        var row = Entry(version: 5).Rank;
        var updated = new Change(new ProductId(1), new ProductVersion(5), Deleted: false).Rank;
        var deleted = new Change(new ProductId(1), new ProductVersion(5), Deleted: true).Rank;
        var insertedAgain = Entry(version: 6).Rank;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(new[] { absent, row, deleted, insertedAgain }, Is.EqualTo(new long[] { 0, 10, 11, 12 }));
            Assert.That(updated, Is.EqualTo(row));
        }
    }

    private static CachedProduct Entry(string name = "x", string description = "", Price? price = null, long version = 1) =>
        CachedProduct.Of(
            TestProducts.Product(new ProductId(1), name, price?.Amount ?? 1, description, version), FilledAt, Lifetime);

    private static string BodyOf(CachedProduct entry) => Encoding.UTF8.GetString(entry.Body.Span);
}
