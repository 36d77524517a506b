using System.Diagnostics.Metrics;
using System.Text.Json;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Hardening;

/// <summary>API_LARGE_ANSWERS_MB.</summary>
internal sealed record LargeAnswerOptions(long MaxBytes)
{
    private const long Megabyte = 1024 * 1024;

    public static LargeAnswerOptions Read(Settings settings) => new(settings.Number("API_LARGE_ANSWERS_MB", 64, 1, 65_536) * Megabyte);
}

/// <summary>
/// Limits the memory of large responses, per client and in total. A product counts from the moment when it is read until it is sent. A
/// response is written in pieces, no faster than the client reads it.
/// </summary>
internal sealed class LargeAnswers
{
    /// <summary>The first bytes of each response do not count. Most responses are smaller.</summary>
    public const int FreeBytes = 64 * 1024;

    /// <summary>Further bytes are counted in steps of this size.</summary>
    public const int StepBytes = 64 * 1024;

    /// <summary>A client may hold one part in this many of all bytes.</summary>
    public const int PartOfClient = 4;

    /// <summary>Bytes that are written before the writer waits for the connection. The server buffers <see cref="KestrelBufferBytes"/> more.</summary>
    public const int PieceBytes = 16 * 1024;

    /// <summary>Kestrel's MaxResponseBufferSize: per connection, in HTTP/2 per stream.</summary>
    public const int KestrelBufferBytes = 64 * 1024;

    /// <summary>The maximum time for which a client may read nothing of a response before it is aborted.</summary>
    public static readonly TimeSpan PieceTimeout = TimeSpan.FromSeconds(10);

    private readonly Shares shares;
    private readonly Counter<long> ended;
    private readonly TimeProvider time;

    public LargeAnswers(LargeAnswerOptions options, IMeterFactory meters, TimeProvider time)
    {
        this.time = time;
        shares = new Shares(options.MaxBytes, options.MaxBytes / PartOfClient);
        var meter = meters.Create("ProductCache.Api");
        ended = meter.CreateCounter<long>("productcache.answers.ended", "{answer}", "Responses aborted because the client did not read them.");
        meter.CreateObservableGauge("productcache.answers.held", () => shares.Total, "By", "Bytes held by large responses.");
    }

    /// <summary>Counts the bytes of one response. They are released when the response has ended, at the latest.</summary>
    public HeldBytes Hold(HttpContext http)
    {
        var held = new HeldBytes(shares, ClientLimits.ClientOf(http));
        http.Response.RegisterForDispose(held);
        return held;
    }

    public AnswerWriter Write(HttpContext http, JsonWriterOptions options = default) => new(http, options, ended, time);
}

/// <summary>The bytes that one response holds.</summary>
internal sealed class HeldBytes(Shares shares, string client) : IDisposable
{
    private readonly Lock gate = new();

    // Guarded by gate.
    private long bytes;
    private long taken;

    /// <summary>The limit that was exceeded, or null.</summary>
    public ShareResult? Refusal { get; private set; }

    /// <summary>Thread-safe.</summary>
    public bool TryAdd(long amount)
    {
        lock (gate)
        {
            if (Refusal is not null)
            {
                return false;
            }

            var missing = Counted(bytes + amount) - taken;
            if (missing > 0)
            {
                if (shares.TryTake(client, missing) is not ShareResult.Taken and var refusal)
                {
                    Refusal = refusal;
                    Clear();
                    return false;
                }

                taken += missing;
            }

            bytes += amount;
            return true;
        }
    }

    public void Remove(long amount)
    {
        lock (gate)
        {
            bytes = Math.Max(bytes - amount, 0);
            GiveBackTo(Counted(bytes));
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            Clear();
        }
    }

    private static long Counted(long bytes) =>
        bytes <= LargeAnswers.FreeBytes ? 0 : (bytes - LargeAnswers.FreeBytes + LargeAnswers.StepBytes - 1) / LargeAnswers.StepBytes * LargeAnswers.StepBytes;

    private void Clear()
    {
        bytes = 0;
        GiveBackTo(0);
    }

    private void GiveBackTo(long amount)
    {
        if (taken > amount)
        {
            shares.GiveBack(client, taken - amount);
            taken = amount;
        }
    }
}

/// <summary>Writes the JSON of a response in pieces. Aborts the response if the client does not read it.</summary>
internal sealed class AnswerWriter(HttpContext http, JsonWriterOptions options, Counter<long> ended, TimeProvider time) : IAsyncDisposable
{
    private long sent;
    private bool aborted;

    public Utf8JsonWriter Json { get; } = new(http.Response.BodyWriter, options);

    /// <summary>The caller calls it after each part of the response.</summary>
    /// <returns>False if the response was aborted.</returns>
    public ValueTask<bool> PartAsync() =>
        Json.BytesCommitted + Json.BytesPending - sent < LargeAnswers.PieceBytes ? ValueTask.FromResult(true) : FlushAsync();

    /// <summary>Sends everything that has been written.</summary>
    public async ValueTask<bool> FlushAsync()
    {
        Json.Flush();
        sent = Json.BytesCommitted;
        try
        {
            var flush = http.Response.BodyWriter.FlushAsync(http.RequestAborted);

            // Complete while the buffer of the server has space.
            _ = flush.IsCompleted ? await flush : await flush.AsTask().WaitAsync(LargeAnswers.PieceTimeout, time);
            return !http.RequestAborted.IsCancellationRequested;
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return false;
        }
        catch (TimeoutException)
        {
            aborted = true;
            ended.Add(1);
            http.Abort();
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The response was aborted: discard the rest.
        if (aborted || http.RequestAborted.IsCancellationRequested)
        {
            Json.Reset();
        }

        await Json.DisposeAsync();
    }
}
