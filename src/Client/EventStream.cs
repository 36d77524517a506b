using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace ProductCache.Client;

/// <summary>Reads server-sent events (WHATWG HTML, 9.2), and connects again when the stream ends or is silent.</summary>
internal sealed class EventStream(HttpClient http, string path, TimeProvider time)
{
    /// <summary>The end of the path of all streams.</summary>
    public const string PathEnd = "/products/events";

    /// <summary>Twice the interval of heartbeats.</summary>
    public static readonly TimeSpan MaxSilence = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(10);

    private string? lastEventId;

    public async IAsyncEnumerable<ProductEvent<T>> ReadAsync<T>(
        Func<JsonElement, ProductEvent<T>> eventOf, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var retry = FirstRetry;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var lines = new EventLines(time, MaxSilence);
            if (await TryOpenAsync(lines, cancellationToken).ConfigureAwait(false))
            {
                while (await lines.NextAsync(cancellationToken).ConfigureAwait(false) is { } next)
                {
                    retry = FirstRetry;
                    lastEventId = next.Id ?? lastEventId;
                    if (next.Event == "resume")
                    {
                        break;
                    }

                    if (Read(next, eventOf) is { } read)
                    {
                        yield return read;
                    }
                }
            }

            yield return new ProductEvent<T>(string.Empty, ProductStatus.Unsure);
            await Task.Delay(retry, time, cancellationToken).ConfigureAwait(false);
            retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
        }
    }

    private static ProductEvent<T>? Read<T>(ServerSentEvent next, Func<JsonElement, ProductEvent<T>> eventOf) => next.Event switch
    {
        "product" => eventOf(JsonSerializer.Deserialize<JsonElement>(next.Data)),
        "heartbeat" => new ProductEvent<T>(
            string.Empty, JsonSerializer.Deserialize<JsonElement>(next.Data).GetProperty("sure").GetBoolean() ? ProductStatus.Sure : ProductStatus.Unsure),
        "reset" => new ProductEvent<T>(string.Empty, ProductStatus.Reset),
        _ => null,
    };

    /// <exception cref="ProductCacheException">The service refuses: a repetition would not help.</exception>
    private async Task<bool> TryOpenAsync(EventLines lines, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        try
        {
            var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                await lines.OpenAsync(answer, cancellationToken).ConfigureAwait(false);
                return true;
            }

            using (answer)
            {
                if ((int)answer.StatusCode is >= 400 and < 500 and not 408 and not 429)
                {
                    await Problems.ThrowIfFailedAsync(answer, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is not ProductCacheException)
        {
            // Whatever the handlers of the client throw: the service is away.
        }

        return false;
    }
}

/// <param name="Id">Null: the event has none.</param>
internal readonly record struct ServerSentEvent(string Event, string Data, string? Id);

/// <summary>The events of one response.</summary>
internal sealed class EventLines(TimeProvider time, TimeSpan maxSilence) : IDisposable
{
    private HttpResponseMessage? answer;
    private StreamReader? reader;

    public async Task OpenAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        answer = response;
        reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
    }

    /// <returns>Null: the stream has ended, was silent for too long, or broke.</returns>
    public async Task<ServerSentEvent?> NextAsync(CancellationToken cancellationToken)
    {
        var (name, data, id) = ("message", default(string), default(string));
        try
        {
            while (await reader!.ReadLineAsync(cancellationToken).AsTask().WaitAsync(maxSilence, time, cancellationToken).ConfigureAwait(false) is { } line)
            {
                if (line.Length == 0)
                {
                    if (data is not null)
                    {
                        return new ServerSentEvent(name, data, id);
                    }

                    continue;
                }

                var colon = line.IndexOf(':', StringComparison.Ordinal);
                var (field, value) = colon < 0 ? (line, string.Empty) : (line[..colon], line[(colon + 1)..]);
                value = value.StartsWith(' ') ? value[1..] : value;
                switch (field)
                {
                    case "event":
                        name = value;
                        break;
                    case "data":
                        data = data is null ? value : $"{data}\n{value}";
                        break;
                    case "id":
                        id = value;
                        break;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or TimeoutException or HttpRequestException or ObjectDisposedException)
        {
            // The stream broke.
        }

        return null;
    }

    public void Dispose()
    {
        reader?.Dispose();
        answer?.Dispose();
    }
}
