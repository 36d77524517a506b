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
/// The memory of answers that have many products: what they hold is counted from the moment that it is read until it is sent, for
/// each client and in all. An answer is written piece by piece, no faster than the client takes it.
/// </summary>
internal sealed class LargeAnswers
{
    /// <summary>Of each answer, not counted: most answers are smaller.</summary>
    public const int FreeBytes = 64 * 1024;

    /// <summary>What is counted beyond that is counted in these.</summary>
    public const int StepBytes = 64 * 1024;

    /// <summary>The part of all bytes that one client may hold.</summary>
    public const int PartOfClient = 4;

    /// <summary>Written before the connection is waited for. The server holds <see cref="KestrelBufferBytes"/> more.</summary>
    public const int PieceBytes = 16 * 1024;

    /// <summary>Kestrel's MaxResponseBufferSize: of a connection, of a stream in HTTP/2.</summary>
    public const int KestrelBufferBytes = 64 * 1024;

    /// <summary>How long a client may take nothing of an answer before it ends.</summary>
    public static readonly TimeSpan PieceDeadline = TimeSpan.FromSeconds(10);

    private readonly Shares shares;
    private readonly Counter<long> ended;
    private readonly TimeProvider time;

    public LargeAnswers(LargeAnswerOptions options, IMeterFactory meters, TimeProvider time)
    {
        this.time = time;
        shares = new Shares(options.MaxBytes, options.MaxBytes / PartOfClient);
        var meter = meters.Create("ProductCache.Api");
        ended = meter.CreateCounter<long>("productcache.answers.ended", "{answer}", "Answers that ended because the client took nothing of them.");
        meter.CreateObservableGauge("productcache.answers.held", () => shares.Total, "By", "Bytes that large answers hold.");
    }

    /// <summary>For one answer; what it holds is given back when the answer has ended, at the latest.</summary>
    public HeldBytes Hold(HttpContext http)
    {
        var held = new HeldBytes(shares, ClientLimits.ClientOf(http));
        http.Response.RegisterForDispose(held);
        return held;
    }

    public AnswerWriter Write(HttpContext http, JsonWriterOptions options = default) => new(http, options, ended, time);
}

/// <summary>What one answer holds.</summary>
internal sealed class HeldBytes(Shares shares, string client) : IDisposable
{
    private readonly Lock gate = new();

    // Of gate.
    private long bytes;
    private long taken;

    /// <summary>Why an amount was refused. Null: none was.</summary>
    public ShareResult? Refusal { get; private set; }

    /// <summary>Safe to call from several threads.</summary>
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

/// <summary>Writes the JSON of an answer piece by piece. An answer of which the client takes nothing for a while is cut off.</summary>
internal sealed class AnswerWriter(HttpContext http, JsonWriterOptions options, Counter<long> ended, TimeProvider time) : IAsyncDisposable
{
    private CancellationTokenSource? timer;
    private CancellationTokenSource? deadline;
    private long sent;

    public Utf8JsonWriter Json { get; } = new(http.Response.BodyWriter, options);

    /// <summary>To be called after each part of the answer.</summary>
    /// <returns>Whether the client is still there.</returns>
    public ValueTask<bool> PartAsync() =>
        Json.BytesCommitted + Json.BytesPending - sent < LargeAnswers.PieceBytes ? ValueTask.FromResult(true) : FlushAsync();

    /// <summary>All that has been written so far is on its way.</summary>
    public async ValueTask<bool> FlushAsync()
    {
        Json.Flush();
        sent = Json.BytesCommitted;
        timer ??= new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        deadline ??= CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, timer.Token);
        timer.CancelAfter(LargeAnswers.PieceDeadline);
        try
        {
            // Returns at once while the server has room for more.
            await http.Response.BodyWriter.FlushAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
        }

        if (!deadline.IsCancellationRequested)
        {
            timer.CancelAfter(Timeout.InfiniteTimeSpan);
            return true;
        }

        if (!http.RequestAborted.IsCancellationRequested)
        {
            ended.Add(1);
            http.Abort();
        }

        return false;
    }

    public async ValueTask DisposeAsync()
    {
        // The client has left: the rest is not sent.
        if (deadline is { IsCancellationRequested: true })
        {
            Json.Reset();
        }

        await Json.DisposeAsync();
        deadline?.Dispose();
        timer?.Dispose();
    }
}
