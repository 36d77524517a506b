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

    /// <returns>False: it is not what <see cref="TryCompress"/> made.</returns>
    public static bool TryInflate(ReadOnlyMemory<byte> compressed, out ReadOnlyMemory<byte> body)
    {
        var inflated = new byte[InflatedLength(compressed.Span)];
        body = inflated;
        try
        {
            using var gzip = new GZipStream(new MemoryStream(compressed.ToArray(), writable: false), CompressionMode.Decompress);
            return gzip.ReadAtLeast(inflated, inflated.Length, throwOnEndOfStream: false) == inflated.Length && gzip.ReadByte() < 0;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>As the last four bytes name it.</summary>
    public static int InflatedLength(ReadOnlySpan<byte> compressed) => (int)BinaryPrimitives.ReadUInt32LittleEndian(compressed[^sizeof(uint)..]);

    /// <summary>Whether it begins as gzip does, and ends with a length of a body.</summary>
    public static bool IsPlausible(ReadOnlySpan<byte> compressed) =>
        compressed.Length > HeaderAndTrailerLength && compressed.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b, 0x08])
        && BinaryPrimitives.ReadUInt32LittleEndian(compressed[^sizeof(uint)..]) is > 0 and <= MaxLength;
}
