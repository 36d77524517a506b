using System.Buffers.Binary;

namespace ProductCache.Application;

/// <summary>
/// How this process writes entries, and which ones it reads. An entry that it does not read is a miss. All readers must read a format or a
/// mapping before the first entry of it is written: see CONTRIBUTING.md and docs/your-own-tables.md.
/// </summary>
public sealed class EntryFormat
{
    /// <summary>Of the built-in table.</summary>
    public static readonly EntryFormat BuiltIn = new(0, [CachedProduct.Format, CachedProduct.CompressedFormat]);

    // For processes with a mapping: the format, then the numbers of the mappings.
    private readonly byte[] readable;

    private EntryFormat(long mapping, byte[] readable) => (Mapping, this.readable) = (mapping, readable);

    /// <summary>The number of the mapping; 0: the built-in table.</summary>
    public long Mapping { get; }

    /// <summary>Whether the versions of products are kept beside the tables, and absent products have a version too.</summary>
    public bool IsMapped => Mapping != 0;

    /// <summary>Whether large bodies are written compressed. Compressed bodies are always read.</summary>
    public bool Compresses { get; private init; }

    /// <summary>What the scripts of the cache compare entries with: format bytes, or the format of mappings and their numbers.</summary>
    public ReadOnlyMemory<byte> Readable => readable;

    public EntryFormat WithCompression() => new(Mapping, readable) { Compresses = true };

    /// <summary>A process that reads several formats of the built-in table.</summary>
    public static EntryFormat OfFormats(params byte[] formats) => new(0, formats);

    /// <param name="mapping">The number of the mapping of this process; not 0.</param>
    /// <param name="accepted">Further mappings whose entries are served.</param>
    public static EntryFormat OfMapping(long mapping, params IEnumerable<long> accepted)
    {
        ArgumentOutOfRangeException.ThrowIfZero(mapping);
        long[] numbers = [mapping, .. accepted];
        var readable = new byte[1 + (numbers.Length * sizeof(long))];
        readable[0] = CachedProduct.MappedFormat;
        for (var i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(readable.AsSpan(1 + (i * sizeof(long))), numbers[i]);
        }

        return new EntryFormat(mapping, readable);
    }

    /// <summary>Whether this process serves the entry.</summary>
    public bool Reads(ReadOnlySpan<byte> payload)
    {
        if (!IsMapped)
        {
            return payload.Length > 0 && readable.AsSpan().Contains(payload[0]);
        }

        if (payload.Length < CachedProduct.MappedHeaderLength || payload[0] != CachedProduct.MappedFormat)
        {
            return false;
        }

        var number = CachedProduct.MappingOf(payload);
        for (var at = 1; at < readable.Length; at += sizeof(long))
        {
            if (number.SequenceEqual(readable.AsSpan(at, sizeof(long))))
            {
                return true;
            }
        }

        return false;
    }
}
