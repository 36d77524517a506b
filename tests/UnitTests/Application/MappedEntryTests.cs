using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

/// <summary>Entries of format 2, which have the number of a mapping.</summary>
public sealed class MappedEntryTests
{
    private const long Mapping = 0x0102030405060708;
    private const string Body = """{"title":"Tee & Grün"}""";

    private static readonly DateTimeOffset FilledAt = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly EntryFormat Format = EntryFormat.OfMapping(Mapping);

    [Test]
    public void AnEntryIsTheseBytes()
    {
        const string header = "02" + "0000000000000102" + "0000018BCFE5687B" + "00000000000927C0";
        var digest = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(Body)).AsSpan(0, 4));

        Assert.That(
            Convert.ToHexString(Entry(version: 258, end: 0x0000018BCFE5FFFF, tags: ["tea", "green"]).Payload),
            Is.EqualTo($"{header}00{Mapping:X16}0000018BCFE5FFFF{digest}0009{Hex("tea green")}{Hex(Body)}"));
    }

    [Test]
    public void AnAbsentProductIsTheseBytes() => Assert.That(
        Convert.ToHexString(CachedProduct.Absent(FilledAt, TimeSpan.FromSeconds(30), Format, version: 7, end: 9).Payload),
        Is.EqualTo($"0200000000000000070000018BCFE5687B000000000000753001{Mapping:X16}0000000000000009{EmptyDigest}0000"));

    [Test]
    public void AnUnreadableProductIsTheseBytes() => Assert.That(
        Convert.ToHexString(CachedProduct.Unreadable("Größe", FilledAt, TimeSpan.FromSeconds(30), Format, version: 7).Payload),
        Does.StartWith($"0200000000000000070000018BCFE5687B000000000000753002{Mapping:X16}0000000000000000").And.EndsWith($"0000{Hex("Größe")}"));

    [Test]
    public void AnEntryIsReadAsItWasWritten()
    {
        var written = Entry(version: ProductVersion.Max, end: 42, tags: ["a", "b"]);

        Assert.That(CachedProduct.TryRead(written.Payload, out var read), Is.True);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((read!.Version, read.FilledAt, read.Lifetime, read.Mapping, read.End), Is.EqualTo((ProductVersion.Max, FilledAt, Lifetime, Mapping, 42L)));
            Assert.That((read.IsAbsent, read.IsUnreadable), Is.EqualTo((false, false)));
            Assert.That(read.Tags, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(Encoding.UTF8.GetString(read.Body.Span), Is.EqualTo(Body));
            Assert.That(read.Rank, Is.EqualTo(2 * ProductVersion.Max));
            Assert.That(read.IsOf(ProductOf(ProductVersion.Max)), Is.True);
        }
    }

    [Test]
    public void EveryStateHasAVersion()
    {
        var absent = Again(CachedProduct.Absent(FilledAt, Lifetime, Format, version: 7));
        Assert.That((absent.IsAbsent, absent.IsUnreadable, absent.Version, absent.Rank, absent.Body.Length), Is.EqualTo((true, false, 7L, 14L, 0)));

        var unreadable = Again(CachedProduct.Unreadable("No price.", FilledAt, Lifetime, Format, version: 8));
        Assert.That((unreadable.IsAbsent, unreadable.IsUnreadable, unreadable.Version, unreadable.Rank, unreadable.Reason), Is.EqualTo((false, true, 8L, 16L, "No price.")));
        Assert.That(unreadable.IsOf(ProductOf(8)), Is.False);

        // Nothing has touched it since the triggers were installed.
        var untouched = Again(Entry(version: 0));
        Assert.That((untouched.IsAbsent, untouched.IsUnreadable, untouched.Version), Is.EqualTo((false, false, 0L)));
    }

    [Test]
    public void WithoutTagsAndEndTheyAreNone()
    {
        var entry = Again(Entry());

        Assert.That(entry.Tags, Is.Empty);
        Assert.That(entry.End, Is.Zero);
        Assert.That(Entry(tags: [new string('t', CachedProduct.MaxTagsLength)]).Tags.Single(), Has.Length.EqualTo(CachedProduct.MaxTagsLength));
    }

    [Test]
    public void TheEntityTagNamesVersionAndBody()
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Body)).AsSpan(0, 4));

        Assert.That(Entry(version: 17).EntityTag, Is.EqualTo($"17-{digest}"));
        Assert.That(Entry(version: 17, body: "{}").EntityTag, Is.Not.EqualTo(Entry(version: 17).EntityTag));
        Assert.That(Entry(version: 17, end: 5, tags: ["a"]).EntityTag, Is.EqualTo(Entry(version: 17).EntityTag));
        Assert.That(CachedProduct.Of(ProductOf(17), FilledAt, Lifetime).EntityTag, Is.EqualTo("17"));
    }

    [Test]
    public void TheBuiltInTableIsWrittenInFormatOne()
    {
        Assert.That(CachedProduct.Of(ProductOf(1), FilledAt, Lifetime, EntryFormat.BuiltIn).Payload[0], Is.EqualTo(CachedProduct.Format));
        Assert.That(CachedProduct.Of(ProductOf(1), FilledAt, Lifetime, EntryFormat.BuiltIn).Mapping, Is.Zero);
        Assert.That(CachedProduct.Absent(FilledAt, Lifetime, EntryFormat.BuiltIn, version: 5).Version, Is.Zero);
    }

    private static IEnumerable<TestCaseData> Damages()
    {
        yield return Damage("a kind that is none", payload => payload[25] = 3);
        yield return Damage("a product that is called absent", payload => payload[25] = 1);
        yield return Damage("a negative version", payload => payload[1] = 0x80);
        yield return Damage("a version that is too large", payload => payload[1] = 0x7f);
        yield return Damage("a negative time", payload => payload[9] = 0x80);
        yield return Damage("a time after the year 9999", payload => payload[9] = 0x7f);
        yield return Damage("a negative lifetime", payload => payload[17] = 0x80);
        yield return Damage("a negative end", payload => payload[34] = 0x80);
        yield return Damage("an end after the year 9999", payload => payload[34] = 0x7f);
        yield return Damage("tags of the length of the rest", payload => BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(46), (ushort)(payload.Length - 48)));
        yield return Damage("tags that are longer than the rest", payload => BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(46), ushort.MaxValue));
        yield return Damage("another format", payload => payload[0] = 3);
    }

    [TestCaseSource(nameof(Damages))]
    public void ADamagedPayloadIsNoEntry(Action<byte[]> damage)
    {
        var payload = (byte[])Entry(version: 5, end: 9, tags: ["tea"]).Payload.Clone();
        Assert.That(CachedProduct.TryRead(payload, out _), Is.True);
        damage(payload);

        Assert.That(CachedProduct.TryRead(payload, out _), Is.False);
    }

    [Test]
    public void APayloadWithoutAWholeHeaderOrABodyIsNoEntry([Values(0, 1, 25, 26, 47, 48, 51)] int length) =>
        Assert.That(CachedProduct.TryRead(Entry(tags: ["tea"]).Payload[..length], out _), Is.False);

    [Test]
    public void AnAbsenceWithABodyAndAReasonWithoutOneAreNoEntries()
    {
        Assert.That(CachedProduct.TryRead([.. CachedProduct.Absent(FilledAt, Lifetime, Format).Payload, (byte)'x'], out _), Is.False);
        Assert.That(CachedProduct.TryRead(CachedProduct.Unreadable(string.Empty, FilledAt, Lifetime, Format).Payload, out _), Is.False);
    }

    [Test]
    public void AProcessReadsTheEntriesOfItsMappingsOnly()
    {
        var accepting = EntryFormat.OfMapping(1, 2, -3);
        byte[] Of(long mapping) => CachedProduct.Absent(FilledAt, Lifetime, EntryFormat.OfMapping(mapping)).Payload;

        Assert.That(((long[])[1, 2, -3, 3, 4, 0x0200000000000000]).Where(mapping => accepting.Reads(Of(mapping))), Is.EqualTo(new long[] { 1, 2, -3 }));
        Assert.That((accepting.Mapping, accepting.IsMapped), Is.EqualTo((1L, true)));
        Assert.That(accepting.Reads(Of(1).AsSpan(0, 47)), Is.False);
        Assert.That(accepting.Reads([]), Is.False);
        Assert.That(Convert.ToHexString(accepting.Readable.Span), Is.EqualTo("0200000000000000010000000000000002FFFFFFFFFFFFFFFD"));
    }

    [Test]
    public void AProcessWithoutAMappingReadsItsFormatsOnly()
    {
        var (builtIn, mapped) = (CachedProduct.Absent(FilledAt, Lifetime).Payload, CachedProduct.Absent(FilledAt, Lifetime, Format).Payload);

        Assert.That((EntryFormat.BuiltIn.Reads(builtIn), EntryFormat.BuiltIn.Reads(mapped), EntryFormat.BuiltIn.Reads([])), Is.EqualTo((true, false, false)));
        Assert.That((Format.Reads(builtIn), Format.Reads(mapped)), Is.EqualTo((false, true)));
        Assert.That((EntryFormat.OfFormats(1, 9).Reads(builtIn), EntryFormat.OfFormats(1, 9).Reads([9]), EntryFormat.OfFormats(1, 9).Reads([8])), Is.EqualTo((true, true, false)));
        Assert.That(() => EntryFormat.OfMapping(0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private static string EmptyDigest => Convert.ToHexString(SHA256.HashData([]).AsSpan(0, 4));

    private static string Hex(string text) => Convert.ToHexString(Encoding.UTF8.GetBytes(text));

    private static Product ProductOf(long version, string body = Body) => new(new ProductId(1), version, Encoding.UTF8.GetBytes(body));

    private static CachedProduct Entry(long version = 1, string body = Body, long end = 0, params string[] tags) =>
        CachedProduct.Of(ProductOf(version, body) with { Tags = tags }, FilledAt, Lifetime, Format, end);

    private static CachedProduct Again(CachedProduct entry) => CachedProduct.TryRead(entry.Payload, out var read) ? read : throw new InvalidOperationException("No entry.");

    private static TestCaseData Damage(string name, Action<byte[]> damage) => new TestCaseData(damage).SetArgDisplayNames(name);
}
