using System.Buffers.Binary;
using System.IO.Compression;

namespace ProductCache.Application;

/// <summary>
/// Bodies compressed by gzip (RFC 1952): once, when they are written, for all their readers. Nearly every HTTP client accepts gzip; the smaller
/// encodings are accepted by browsers only, so more readers would need the body inflated.
/// </summary>
public static class BodyCompression
{
    /// <summary>The name of the encoding in HTTP.</summary>
    public const string Encoding = "gzip";

    /// <summary>Shorter bodies are not compressed: the headers of a response are about as long.</summary>
    public const int Above = 1024;

    /// <summary>No body is longer.</summary>
    public const int MaxLength = 16 * 1024 * 1024;

    private const int HeaderAndTrailerLength = 18;

    /// <returns>Null: the body is short, or does not become at least a tenth shorter.</returns>
    public static byte[]? TryCompress(ReadOnlySpan<byte> body)
    {
        if (body.Length <= Above)
        {
            return null;
        }

        using var compressed = new MemoryStream(body.Length / 2);
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(body);
        }

        return compressed.Length <= body.Length * 9L / 10 ? compressed.ToArray() : null;
    }

    /// <exception cref="InvalidDataException">It is not what <see cref="TryCompress"/> made.</exception>
    public static ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> compressed)
    {
        var body = new byte[InflatedLength(compressed.Span)];
        using var gzip = new GZipStream(new MemoryStream(compressed.ToArray(), writable: false), CompressionMode.Decompress);
        var length = gzip.ReadAtLeast(body, body.Length, throwOnEndOfStream: false);
        return length == body.Length && gzip.ReadByte() < 0 ? body : throw new InvalidDataException("A compressed body does not have the length that it names.");
    }

    /// <summary>As the last four bytes name it.</summary>
    public static int InflatedLength(ReadOnlySpan<byte> compressed) => (int)BinaryPrimitives.ReadUInt32LittleEndian(compressed[^sizeof(uint)..]);

    /// <summary>Whether it begins as gzip does, and ends with a length of a body.</summary>
    public static bool IsPlausible(ReadOnlySpan<byte> compressed) =>
        compressed.Length > HeaderAndTrailerLength && compressed.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b, 0x08])
        && BinaryPrimitives.ReadUInt32LittleEndian(compressed[^sizeof(uint)..]) is > 0 and <= MaxLength;
}
