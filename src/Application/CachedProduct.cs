using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// A cache entry: a header and the JSON body exactly as it is sent to readers, or compressed by gzip. Big endian:
/// <code>
///  0      format: 1 (the built-in table), 3 (the same, with a compressed body) or 2 (a mapping)
///  1..8   version of the product
///  9..16  filled at, milliseconds since 1970
/// 17..24  lifetime, milliseconds
///
/// Format 1: version 0 is a negative entry (without a body), or an unreadable row (the body is the reason).
/// 25..    {"id":1,"name":"…","price":123.45,"description":"…"}
///
/// Format 2: every state has a version; 0: nothing has touched the product since the triggers were installed.
/// 25      0 a product, 1 a negative entry, 2 an unreadable product (the body is the reason), 3 a product with a compressed body
/// 26..33  number of the mapping
/// 34..41  end of the content, milliseconds since 1970 by the clock of the cache; 0: it has none
/// 42..45  digest of the body, for the entity tag
/// 46..47  length of the tags
/// 48..    tags, separated by spaces; then the body
/// </code>
/// What a process cannot read is a miss, so formats and mappings can change while old and new processes run side by side.
/// </summary>
public sealed class CachedProduct
{
    public const byte Format = 1;

    public const byte MappedFormat = 2;

    public const byte CompressedFormat = 3;

    /// <summary>The length of the part that both formats have.</summary>
    public const int HeaderLength = 25;

    /// <summary>The length of the header of <see cref="MappedFormat"/>, without tags.</summary>
    public const int MappedHeaderLength = 48;

    /// <summary>The offset of "filled at" and "lifetime", which a refresh does not change.</summary>
    public const int TimesOffset = 9;

    /// <summary>All tags together, in bytes.</summary>
    public const int MaxTagsLength = 1024;

    private const int TimesLength = HeaderLength - TimesOffset;
    private const int KindOffset = 25;
    private const int MappingOffset = 26;
    private const int EndOffset = 34;
    private const int DigestOffset = 42;
    private const int DigestLength = 4;
    private const int TagsLengthOffset = 46;

    // The year 9999, the upper limit of DateTimeOffset.
    private const long MaxMilliseconds = 253_402_300_799_999;

    private readonly int bodyOffset;

    private CachedProduct(byte[] payload)
    {
        Payload = payload;
        bodyOffset = IsMapped ? MappedHeaderLength + BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(TagsLengthOffset)) : HeaderLength;
    }

    private enum Kind : byte
    {
        Product,
        Absent,
        Unreadable,
        Compressed,
    }

    public byte[] Payload { get; }

    /// <summary>A negative entry: the store has no such product.</summary>
    public bool IsAbsent => IsMapped ? Payload[KindOffset] == (byte)Kind.Absent : Version == 0 && Payload.Length == HeaderLength;

    /// <summary>The store has the product, but it cannot be served: see <see cref="Reason"/>.</summary>
    public bool IsUnreadable => IsMapped ? Payload[KindOffset] == (byte)Kind.Unreadable : Version == 0 && Payload.Length > HeaderLength;

    /// <summary>Why the product is unreadable, in one sentence.</summary>
    public string Reason => Encoding.UTF8.GetString(Body.Span);

    /// <summary>The version of the product; in format 1, 0: it is absent or unreadable.</summary>
    public long Version => Read(1);

    /// <summary>Orders the states of one product: version v has rank 2v, the deletion of the row 2v+1, a negative entry of format 1 has 0.</summary>
    public long Rank => 2 * Version;

    public DateTimeOffset FilledAt => DateTimeOffset.FromUnixTimeMilliseconds(Read(TimesOffset));

    public TimeSpan Lifetime => TimeSpan.FromMilliseconds(Read(17));

    /// <summary>The number of the mapping that made the body; 0: the built-in table.</summary>
    public long Mapping => IsMapped ? Read(MappingOffset) : 0;

    /// <summary>When the content ends, in milliseconds since 1970 by the clock of the cache; 0: at a change only.</summary>
    public long End => IsMapped ? Read(EndOffset) : 0;

    /// <summary>Names under which caches in front of this service know the product.</summary>
    public IReadOnlyList<string> Tags => bodyOffset > MappedHeaderLength
        ? Encoding.UTF8.GetString(Payload.AsSpan(MappedHeaderLength..bodyOffset)).Split(' ')
        : [];

    /// <summary>
    /// Identifies version and body, without quotes. A body of a mapping may change without a change of its tables, so its digest is a part.
    /// </summary>
    public string EntityTag => IsMapped ? $"{Version}-{Convert.ToHexStringLower(Payload.AsSpan(DigestOffset, DigestLength))}" : $"{Version}";

    /// <summary>The age in whole seconds. It is never negative, although the clocks of the processes may differ.</summary>
    public TimeSpan AgeAt(DateTimeOffset now) => TimeSpan.FromSeconds(Math.Max((long)(now - FilledAt).TotalSeconds, 0));

    /// <summary>Whether <see cref="StoredBody"/> is compressed by gzip.</summary>
    public bool IsCompressed => IsMapped ? Payload[KindOffset] == (byte)Kind.Compressed : Payload[0] == CompressedFormat;

    /// <summary>The body as it is stored.</summary>
    public ReadOnlyMemory<byte> StoredBody => Payload.AsMemory(bodyOffset);

    /// <summary>The body without compression. Each call inflates a compressed one.</summary>
    /// <exception cref="InvalidDataException">The entry is damaged.</exception>
    public ReadOnlyMemory<byte> Body => TryGetBody(out var body) ? body : throw new InvalidDataException("The compressed body is damaged.");

    /// <summary>The length of <see cref="Body"/>.</summary>
    public int BodyLength => IsCompressed ? BodyCompression.InflatedLength(StoredBody.Span) : StoredBody.Length;

    /// <summary>Format, version, filled at and lifetime, which distinguish two entries of one product.</summary>
    public ReadOnlyMemory<byte> Header => Payload.AsMemory(0, HeaderLength);

    /// <summary>Filled at and lifetime. Every fill of a product writes other values; a refresh keeps them.</summary>
    public ReadOnlyMemory<byte> Times => Payload.AsMemory(TimesOffset, TimesLength);

    private bool IsMapped => Payload[0] == MappedFormat;

    /// <param name="format">Null: the built-in table.</param>
    /// <param name="end">See <see cref="End"/>.</param>
    public static CachedProduct Of(Product product, DateTimeOffset filledAt, TimeSpan lifetime, EntryFormat? format = null, long end = 0)
    {
        var compressed = format is { Compresses: true } ? BodyCompression.TryCompress(product.Json.Span) : null;
        ReadOnlySpan<byte> body = compressed ?? product.Json.Span;
        return format is { IsMapped: true }
            ? new(Mapped(
                format, compressed is null ? Kind.Product : Kind.Compressed, product.Version, filledAt, lifetime, body, end, product.Tags, DigestOf(product.Json.Span)))
            : new([.. HeaderOf(compressed is null ? Format : CompressedFormat, product.Version, filledAt, lifetime), .. body]);
    }

    /// <summary>A negative entry: the store has no such product.</summary>
    /// <inheritdoc cref="Of"/>
    public static CachedProduct Absent(DateTimeOffset filledAt, TimeSpan lifetime, EntryFormat? format = null, long version = 0, long end = 0) =>
        format is { IsMapped: true }
            ? new(Mapped(format, Kind.Absent, version, filledAt, lifetime, [], end, [], DigestOf([])))
            : new(HeaderOf(Format, 0, filledAt, lifetime));

    /// <summary>A product that cannot be served.</summary>
    /// <inheritdoc cref="Of"/>
    public static CachedProduct Unreadable(string reason, DateTimeOffset filledAt, TimeSpan lifetime, EntryFormat? format = null, long version = 0) =>
        format is { IsMapped: true }
            ? new(Mapped(format, Kind.Unreadable, version, filledAt, lifetime, Encoding.UTF8.GetBytes(reason), 0, [], DigestOf(Encoding.UTF8.GetBytes(reason))))
            : new([.. HeaderOf(Format, 0, filledAt, lifetime), .. Encoding.UTF8.GetBytes(reason)]);

    /// <summary>Whether the entry has the version and the content of the product.</summary>
    public bool IsOf(Product row) => !IsAbsent && !IsUnreadable && Version == row.Version && TryGetBody(out var body) && body.Span.SequenceEqual(row.Json.Span);

    /// <summary>The same as <see cref="Body"/>. False: the entry is damaged; the audit replaces it.</summary>
    public bool TryGetBody(out ReadOnlyMemory<byte> body)
    {
        body = StoredBody;
        return !IsCompressed || BodyCompression.TryInflate(StoredBody, out body);
    }

    /// <summary>Reads an entry of any known format. Whether this process serves it says <see cref="EntryFormat.Reads"/>.</summary>
    public static bool TryRead(byte[]? payload, [NotNullWhen(true)] out CachedProduct? entry)
    {
        entry = payload is not null && IsPlausible(payload) ? new CachedProduct(payload) : null;
        return entry is not null;
    }

    internal static ReadOnlySpan<byte> MappingOf(ReadOnlySpan<byte> payload) => payload.Slice(MappingOffset, sizeof(long));

    private static byte[] HeaderOf(byte format, long version, DateTimeOffset filledAt, TimeSpan lifetime)
    {
        var header = new byte[HeaderLength];
        header[0] = format;
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(1), version);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(TimesOffset), filledAt.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(17), (long)lifetime.TotalMilliseconds);
        return header;
    }

    private static byte[] DigestOf(ReadOnlySpan<byte> body) => SHA256.HashData(body)[..DigestLength];

    private static byte[] Mapped(
        EntryFormat format,
        Kind kind,
        long version,
        DateTimeOffset filledAt,
        TimeSpan lifetime,
        ReadOnlySpan<byte> body,
        long end,
        IReadOnlyList<string> tags,
        byte[] digest)
    {
        var names = Encoding.UTF8.GetBytes(string.Join(' ', tags));
        byte[] payload = [.. HeaderOf(MappedFormat, version, filledAt, lifetime), .. new byte[MappedHeaderLength - HeaderLength], .. names, .. body];
        payload[KindOffset] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(MappingOffset), format.Mapping);
        BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(EndOffset), end);
        digest.CopyTo(payload.AsSpan(DigestOffset));
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(TagsLengthOffset), (ushort)names.Length);
        return payload;
    }

    // A damaged payload is a miss too: it must not become an answer.
    private static bool IsPlausible(byte[] payload)
    {
        if (payload.Length < HeaderLength || Read(payload, 1) is < 0 or > ProductVersion.Max
            || Read(payload, TimesOffset) is < 0 or > MaxMilliseconds || Read(payload, 17) is < 0 or > MaxMilliseconds)
        {
            return false;
        }

        return payload[0] switch
        {
            Format => Read(payload, 1) == 0 || payload.Length > HeaderLength,
            CompressedFormat => Read(payload, 1) > 0 && BodyCompression.IsPlausible(payload.AsSpan(HeaderLength)),
            MappedFormat => payload.Length >= MappedHeaderLength && payload[KindOffset] <= (byte)Kind.Compressed && Read(payload, EndOffset) is >= 0 and <= MaxMilliseconds
                && payload.Length - MappedHeaderLength - BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(TagsLengthOffset)) is var body
                && (payload[KindOffset] == (byte)Kind.Absent ? body == 0 : body > 0)
                && (payload[KindOffset] != (byte)Kind.Compressed || BodyCompression.IsPlausible(payload.AsSpan(payload.Length - body))),
            _ => false,
        };
    }

    private static long Read(byte[] payload, int offset) => BinaryPrimitives.ReadInt64BigEndian(payload.AsSpan(offset));

    private long Read(int offset) => Read(Payload, offset);
}
