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

    public ProductState StateOf(ProductId id, GetProductResult result)
    {
        if (result.Cached is not { } entry)
        {
            return Unknown(id);
        }

        if (states.TryGetValue(entry, out var state))
        {
            return state;
        }

        if (!entry.TryGetBody(out var body))
        {
            return Unknown(id);
        }

        var status = entry.IsAbsent ? "absent" : entry.IsUnreadable ? "unreadable" : "current";
        state = new ProductState(entry.IsAbsent || entry.IsUnreadable ? status : entry.EntityTag, Write(id, status, entry, body));
        states.AddOrUpdate(entry, state);
        return state;
    }

    private ProductState Unknown(ProductId id) => new(null, Write(id, "unknown", null, default));

    private ReadOnlyMemory<byte> Write(ProductId id, string status, CachedProduct? entry, ReadOnlyMemory<byte> body)
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
                    json.WriteRawValue(body.Span, skipInputValidation: true);
                    break;
            }

            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
