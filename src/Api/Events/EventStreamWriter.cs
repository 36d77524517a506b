using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Events;

/// <summary>Writes one stream in the format of server-sent events (WHATWG HTML, 9.2).</summary>
/// <param name="tag">Only products with this tag are written. Null: all.</param>
internal sealed class EventStreamWriter(HttpContext http, EventReader reader, string? tag, TimeProvider time)
{
    public const string MediaType = "text/event-stream";

    /// <summary>How often a stream without events has a heartbeat. A client that hears nothing for twice as long connects again.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    /// <summary>A client connects again after this time, so that its credential is verified again.</summary>
    public static readonly TimeSpan MaxDuration = TimeSpan.FromMinutes(15);

    /// <summary>Bytes that are written before the client has to read them.</summary>
    private const int PieceBytes = 32 * 1024;

    /// <summary>The states that are known of a client that follows a tag. Beyond them it gets a state again that it has.</summary>
    private const int MaxKnown = 10_000;

    private readonly long began = time.GetTimestamp();

    // The tags of the states that the client has.
    private readonly Dictionary<ProductId, string> known = [];
    private long lastWritten;
    private bool? wasSure;

    public bool IsOver => time.GetElapsedTime(began) >= MaxDuration;

    /// <param name="isReset">The client wants to resume and cannot: what it knows may be old.</param>
    public async Task BeginAsync(bool isReset, CancellationToken cancellationToken)
    {
        http.Response.ContentType = MediaType;
        http.Response.Headers.CacheControl = "no-store";

        // For nginx, which would keep events until its buffer is full.
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        Write("retry: 2000\n\n"u8);
        if (isReset)
        {
            Write("event: reset\ndata: {}\n\n"u8);
        }

        await FlushAsync(cancellationToken);
    }

    /// <summary>Writes the states that the client does not have. The last event has the position, from which the client resumes.</summary>
    /// <returns>The number of events with a state.</returns>
    public async Task<int> WriteAsync(
        IEnumerable<(ProductId Id, GetProductResult Result)> results, ProductUpdates updates, CancellationToken cancellationToken)
    {
        List<ProductState> states = [.. results.Where(one => Concerns(one.Id, one.Result)).Select(one => (one.Id, State: reader.StateOf(one.Id, one.Result)))
            .Where(one => IsNew(one.Id, one.State)).Select(one => one.State)];
        for (var i = 0; i < states.Count; i++)
        {
            Write("event: product\n"u8);
            if (i == states.Count - 1 && updates.Position is { } position)
            {
                Write($"id: {position}\n");
            }

            Write("data: "u8);
            Write(states[i].Data.Span);
            Write("\n\n"u8);
            if (http.Response.BodyWriter.UnflushedBytes > PieceBytes)
            {
                await FlushAsync(cancellationToken);
            }
        }

        if (updates.IsSure != wasSure || (states.Count == 0 && time.GetElapsedTime(lastWritten) >= HeartbeatInterval))
        {
            // Everything up to the position has been looked at, whether it was sent or not.
            wasSure = updates.IsSure;
            Write("event: heartbeat\n"u8);
            if (updates.Position is { } position)
            {
                Write($"id: {position}\n");
            }

            Write(updates.IsSure ? "data: {\"sure\":true}\n\n"u8 : "data: {\"sure\":false}\n\n"u8);
        }
        else if (states.Count == 0)
        {
            return 0;
        }

        await FlushAsync(cancellationToken);
        return states.Count;
    }

    /// <summary>Returns when there is more to send, or a heartbeat is due.</summary>
    public async Task WaitAsync(Task woken, CancellationToken cancellationToken)
    {
        var left = HeartbeatInterval - time.GetElapsedTime(lastWritten);
        if (left > TimeSpan.Zero)
        {
            await woken.WaitAsync(left, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Tells the client to connect again.</summary>
    public Task EndAsync(CancellationToken cancellationToken)
    {
        Write("event: resume\ndata: {}\n\n"u8);
        return FlushAsync(cancellationToken);
    }

    // The tags of a product that is not cached are not known, so its change concerns every tag that may be one of them.
    private bool Concerns(ProductId id, GetProductResult result) => tag is null || known.ContainsKey(id)
        || (result.Cached is { } entry ? CacheTags.Of(id, entry).Contains(tag) : !PurgeTag.IsOfProduct(tag) || tag == PurgeTag.Of(id));

    private bool IsNew(ProductId id, ProductState state)
    {
        if (state.Tag is null)
        {
            known.Remove(id);
            return true;
        }

        if (known.TryGetValue(id, out var had) && had == state.Tag)
        {
            return false;
        }

        if (tag is not null && known.Count >= MaxKnown)
        {
            known.Clear();
        }

        known[id] = state.Tag;
        return true;
    }

    private void Write(ReadOnlySpan<byte> bytes) => http.Response.BodyWriter.Write(bytes);

    private void Write(string text) => Encoding.UTF8.GetBytes(text, http.Response.BodyWriter);

    // Waits while the client does not read. The server closes a connection that reads too slowly; what changes meanwhile is sent once, as it is then.
    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
        lastWritten = time.GetTimestamp();
    }
}
