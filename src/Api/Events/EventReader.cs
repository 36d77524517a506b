using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using MediatR;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Events;

/// <summary>The state of a product in the form of an event.</summary>
/// <param name="Tag">Equal for equal states. Null: the state is not known, and is sent each time.</param>
/// <param name="Data">JSON in UTF-8, one line.</param>
internal sealed record ProductState(string? Tag, ReadOnlyMemory<byte> Data);

/// <summary>Reads changed products for all streams: one read and one text for all that wait for the same change.</summary>
internal sealed class EventReader(IMediator mediator, ProductIds ids)
{
    /// <summary>A product that has left the cache is read from PostgreSQL, in this time.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    private static readonly ProductState Unknown = new(null, default);

    // Reads that run, by the position after which they began.
    private readonly ConcurrentDictionary<(ProductId Id, EventPosition Position, bool OnlyIfCached), Lazy<Task<GetProductResult>>> reads = [];
    private readonly ConditionalWeakTable<CachedProduct, ProductState> states = [];

    /// <param name="onlyIfCached">A product that has left the cache is not read: too many may change.</param>
    public async Task<GetProductResult> ReadAsync(ProductId id, EventPosition? position, bool onlyIfCached, CancellationToken cancellationToken)
    {
        var key = (id, position ?? default, onlyIfCached);
        var read = reads.GetOrAdd(key, _ => new Lazy<Task<GetProductResult>>(
            () => mediator.Send(new GetProduct(id, Wait, onlyIfCached ? Freshness.None with { OnlyIfCached = true } : null), CancellationToken.None)));
        try
        {
            return await read.Value.WaitAsync(cancellationToken);
        }
        finally
        {
            reads.TryRemove(KeyValuePair.Create(key, read));
        }
    }

    public ProductState StateOf(ProductId id, GetProductResult result) => result switch
    {
        GetProductResult.Found found when IsWhole(found.Entry) => StateOf(id, found.Entry),
        GetProductResult.Absent absent => StateOf(id, absent.Entry),
        GetProductResult.Unreadable unreadable => StateOf(id, unreadable.Entry),
        _ => Unknown with { Data = Write(id, "unknown", null) },
    };

    /// <returns>Null: the answer has no entry.</returns>
    public static CachedProduct? EntryOf(GetProductResult result) => result switch
    {
        GetProductResult.Found found => found.Entry,
        GetProductResult.Absent absent => absent.Entry,
        GetProductResult.Unreadable unreadable => unreadable.Entry,
        _ => null,
    };

    private bool IsWhole(CachedProduct entry) => states.TryGetValue(entry, out _) || entry.TryGetBody(out _);

    private ProductState StateOf(ProductId id, CachedProduct entry)
    {
        if (!states.TryGetValue(entry, out var state))
        {
            var status = entry.IsAbsent ? "absent" : entry.IsUnreadable ? "unreadable" : "current";
            state = new ProductState(entry.IsAbsent || entry.IsUnreadable ? status : entry.EntityTag, Write(id, status, entry));
            states.AddOrUpdate(entry, state);
        }

        return state;
    }

    private ReadOnlyMemory<byte> Write(ProductId id, string status, CachedProduct? entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, ProductJson.WriterOptions))
        {
            json.WriteStartObject();
            ids.Write(json, id);
            json.WriteString("status"u8, status);
            switch (entry)
            {
                case { IsUnreadable: true }:
                    json.WriteString("detail"u8, entry.Reason);
                    break;
                case { IsAbsent: false }:
                    json.WriteNumber("version"u8, entry.Version);
                    json.WriteString("etag"u8, $"\"{entry.EntityTag}\"");
                    json.WritePropertyName("product"u8);
                    json.WriteRawValue(entry.Body.Span, skipInputValidation: true);
                    break;
            }

            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
