using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>
/// A cache entry: a header of 25 bytes and the JSON body exactly as it is sent to readers. Big endian:
/// <code>
///  0      format (1)
///  1..8   version of the row; 0: a negative entry (without a body), or an unreadable row (the body is the reason)
///  9..16  filled at, milliseconds since 1970
/// 17..24  lifetime, milliseconds
/// 25..    {"id":1,"name":"…","price":123.45,"description":"…"}
/// </code>
/// A payload of any other format is a miss, so formats can change while old and new processes run side by side.
/// </summary>
public sealed class CachedProduct
{
    public const byte Format = 1;

    /// <summary>
    /// The formats that this process reads; an entry of another format is a miss. All readers must read a format before the first entry
    /// of it is written: see CONTRIBUTING.md.
    /// </summary>
    public static readonly IReadOnlyList<byte> ReadableFormats = [Format];

    public const int HeaderLength = 25;

    /// <summary>The offset of "filled at" and "lifetime", which a refresh does not change.</summary>
    public const int TimesOffset = 9;

    private const int TimesLength = HeaderLength - TimesOffset;

    // The year 9999, the upper limit of DateTimeOffset.
    private const long MaxMilliseconds = 253_402_300_799_999;

    private CachedProduct(byte[] payload) => Payload = payload;

    public byte[] Payload { get; }

    /// <summary>A negative entry: PostgreSQL has no such product.</summary>
    public bool IsAbsent => Version == 0 && Payload.Length == HeaderLength;

    /// <summary>PostgreSQL has the row, but it is not a valid product: see <see cref="Reason"/>. It has the rank of a negative entry.</summary>
    public bool IsUnreadable => Version == 0 && Payload.Length > HeaderLength;

    /// <summary>Why the row is unreadable, in one sentence.</summary>
    public string Reason => Encoding.UTF8.GetString(Body.Span);

    /// <summary>The version of the row; 0: it is absent or unreadable.</summary>
    public long Version => Read(1);

    /// <summary>Orders the states of one product: row version v has rank 2v, its deletion 2v+1, a negative entry 0.</summary>
    public long Rank => 2 * Version;

    public DateTimeOffset FilledAt => DateTimeOffset.FromUnixTimeMilliseconds(Read(TimesOffset));

    public TimeSpan Lifetime => TimeSpan.FromMilliseconds(Read(17));

    /// <summary>The age in whole seconds. It is never negative, although the clocks of the processes may differ.</summary>
    public TimeSpan AgeAt(DateTimeOffset now) => TimeSpan.FromSeconds(Math.Max((long)(now - FilledAt).TotalSeconds, 0));

    public ReadOnlyMemory<byte> Body => Payload.AsMemory(HeaderLength);

    public static CachedProduct Of(Product product, DateTimeOffset filledAt, TimeSpan lifetime)
    {
        using var stream = new MemoryStream(HeaderLength + 64 + product.Name.Length + product.Description.Length + (product.Attributes?.Json.Length ?? 0));
        stream.Write(HeaderOf(product.Version.Value, filledAt, lifetime));
        ProductJson.Write(stream, product);
        return new CachedProduct(stream.ToArray());
    }

    /// <summary>Whether the entry has the version and the body of the row.</summary>
    public bool IsOf(Product row) => Version == row.Version.Value && Body.Span.SequenceEqual(Of(row, DateTimeOffset.UnixEpoch, TimeSpan.Zero).Body.Span);

    /// <summary>A negative entry: PostgreSQL has no such product.</summary>
    public static CachedProduct Absent(DateTimeOffset filledAt, TimeSpan lifetime) => new(HeaderOf(0, filledAt, lifetime));

    /// <summary>A row that is not a valid product.</summary>
    public static CachedProduct Unreadable(string reason, DateTimeOffset filledAt, TimeSpan lifetime) =>
        new([.. HeaderOf(0, filledAt, lifetime), .. Encoding.UTF8.GetBytes(reason)]);

    /// <summary>Format, version, filled at and lifetime, which distinguish two entries of one product.</summary>
    public ReadOnlyMemory<byte> Header => Payload.AsMemory(0, HeaderLength);

    /// <summary>Filled at and lifetime. Every fill of a product writes other values; a refresh keeps them.</summary>
    public ReadOnlyMemory<byte> Times => Payload.AsMemory(TimesOffset, TimesLength);

    public static bool TryRead(byte[]? payload, [NotNullWhen(true)] out CachedProduct? entry)
    {
        entry = payload is { Length: >= HeaderLength } && ReadableFormats.Contains(payload[0]) ? new CachedProduct(payload) : null;
        if (entry is not null && !entry.IsPlausible())
        {
            entry = null;
        }

        return entry is not null;
    }

    private static byte[] HeaderOf(long version, DateTimeOffset filledAt, TimeSpan lifetime)
    {
        var header = new byte[HeaderLength];
        header[0] = Format;
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(1), version);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(9), filledAt.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(17), (long)lifetime.TotalMilliseconds);
        return header;
    }

    // A damaged payload is a miss too: it must not become an answer.
    private bool IsPlausible() =>
        Version is >= 0 and <= ProductVersion.Max
        && (Version == 0 || Payload.Length > HeaderLength)
        && Read(9) is >= 0 and <= MaxMilliseconds
        && Read(17) is >= 0 and <= MaxMilliseconds;

    private long Read(int offset) => BinaryPrimitives.ReadInt64BigEndian(Payload.AsSpan(offset));
}
