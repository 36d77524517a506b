using System.Buffers.Binary;

namespace ProductCache.Application;

/// <summary>
/// When an entry was filled, and its lifetime, in milliseconds. Every fill of a product writes other times and a refresh keeps them, so
/// they identify a fill.
/// </summary>
public readonly record struct EntryTimes(long FilledAt, long Lifetime)
{
    /// <summary>The length in the header of an entry.</summary>
    public const int Length = 2 * sizeof(long);

    public static EntryTimes Of(CachedProduct entry) => Read(entry.Times.Span);

    /// <param name="text">Base64 of <see cref="Length"/> bytes.</param>
    public static EntryTimes Parse(string text) => Read(Convert.FromBase64String(text));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt64BigEndian(bytes, FilledAt);
        BinaryPrimitives.WriteInt64BigEndian(bytes[sizeof(long)..], Lifetime);
    }

    /// <summary>In Base64.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        Write(bytes);
        return Convert.ToBase64String(bytes);
    }

    private static EntryTimes Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadInt64BigEndian(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[sizeof(long)..]));
}
