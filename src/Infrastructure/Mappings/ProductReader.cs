using System.Diagnostics.CodeAnalysis;
using Npgsql;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>Reads the rows of a statement that gives products: id, version, body, and optionally fault, valid_until with read_at, and tags.</summary>
internal sealed class ProductReader
{
    /// <summary>Of one product.</summary>
    public const int MaxTags = 16;

    private const int None = -1;

    // A hundred years: what ends later does not end.
    private const long MaxMicroseconds = 100L * 365 * 24 * 3_600 * 1_000_000;

    private readonly NpgsqlDataReader reader;
    private readonly ProductIdType idType;
    private readonly int body;
    private readonly int version;
    private readonly int fault;
    private readonly int validUntil;
    private readonly int readAt;
    private readonly int tags;

    public ProductReader(NpgsqlDataReader reader, ProductIdType idType)
    {
        (this.reader, this.idType) = (reader, idType);
        Dictionary<string, int> columns = new(StringComparer.Ordinal);
        for (var i = 0; i < reader.FieldCount; i++)
        {
            columns.TryAdd(reader.GetName(i), i);
        }

        int Find(string name) => columns.GetValueOrDefault(name, None);
        (body, version, fault, validUntil, readAt, tags) = (Find("body"), Find("version"), Find("fault"), Find("valid_until"), Find("read_at"), Find("tags"));
        if (body == None || reader.GetDataTypeName(body) is not ("json" or "jsonb"))
        {
            throw new MappingException("The SELECT gives no column body of the type jsonb or json.");
        }

        RequireType("valid_until", validUntil, "timestamp with time zone");
        RequireType("tags", tags, "text[]", "character varying[]");
        RequireType("fault", fault, "text", "character varying");
    }

    /// <summary>The id of the row: the first column.</summary>
    public ProductId Id => idType == ProductIdType.Bigint ? new ProductId(reader.GetInt64(0))
        : ProductId.TryOfText(idType == ProductIdType.Uuid ? reader.GetGuid(0).ToString() : reader.GetString(0), out var id) ? id
        : throw new MappingException($"An id of the store is not {idType.Rule}.");

    /// <summary>0 where the version is not one.</summary>
    public long Version => reader.GetInt64(version) is var read && read is > 0 and <= ProductVersion.Max ? read : 0;

    /// <summary>How long the row stays as it is, from the begin of the statement. Null: until a change.</summary>
    public TimeSpan? ValidFor
    {
        get
        {
            if (validUntil == None || reader.IsDBNull(validUntil))
            {
                return null;
            }

            // In microseconds: PostgreSQL has times that DateTime does not have, and both infinities.
            var left = (Int128)reader.GetInt64(validUntil) - reader.GetInt64(readAt);
            return left > MaxMicroseconds ? null : TimeSpan.FromMicroseconds((long)Int128.Max(left, 0));
        }
    }

    /// <summary>The mapping gives the row, but publishes no product.</summary>
    public bool IsAbsent => reader.IsDBNull(body) && !HasFault;

    private bool HasFault => fault != None && !reader.IsDBNull(fault);

    /// <param name="reason">Why the row is no product that can be served, in one sentence.</param>
    public bool TryRead([NotNullWhen(true)] out Product? product, [NotNullWhen(false)] out string? reason)
    {
        product = null;
        if (HasFault)
        {
            reason = TextOf(fault);
            return false;
        }

        if (!ProductJson.TryCompact(reader.GetFieldValue<byte[]>(body), out var json, out reason))
        {
            return false;
        }

        var names = TagsOf(out reason);
        if (reason is not null)
        {
            return false;
        }

        product = new Product(Id, Version, json) { ValidFor = ValidFor, Tags = names };
        return true;
    }

    private void RequireType(string name, int column, params string[] types)
    {
        if (column != None && !types.Contains(MappingInstallation.WithoutModifiers(reader.GetDataTypeName(column))))
        {
            throw new MappingException($"The column {name} is {reader.GetDataTypeName(column)}, not {types[0]}.");
        }
    }

    private string TextOf(int column)
    {
        var text = reader.GetString(column);
        return text.Length > Postgres.PostgresText.MaxLength ? text[..Postgres.PostgresText.MaxLength] : text;
    }

    private string[] TagsOf(out string? reason)
    {
        reason = null;
        if (tags == None || reader.IsDBNull(tags))
        {
            return [];
        }

        string[] names;
        try
        {
            names = [.. reader.GetFieldValue<string?[]>(tags).OfType<string>().Distinct()];
        }
        catch (Exception exception) when (exception is InvalidCastException or InvalidOperationException)
        {
            reason = "The tags are a list of lists.";
            return [];
        }

        if (names.Length > MaxTags
            || names.Sum(name => name.Length + 1) > CachedProduct.MaxTagsLength
            || names.Any(name => name.Length == 0 || name.Any(character => character is <= ' ' or > '~' or ',')))
        {
            reason = $"The tags are not at most {MaxTags} texts of visible ASCII characters without commas, of {CachedProduct.MaxTagsLength} bytes together.";
        }

        return names;
    }
}

/// <summary>The mapping does not fit the database. The message is for operators.</summary>
public sealed class MappingException(string message, Exception? cause = null) : Exception(message, cause);
