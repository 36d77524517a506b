using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>Sends requests to shared caches. It follows no redirect: the address that is configured is the only one that gets secrets and ids.</summary>
/// <param name="timeout">Of a request. Null: <see cref="DefaultTimeout"/>.</param>
internal sealed class SharedCacheClient(TimeSpan? timeout = null) : IDisposable
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How much of an answer is read, in bytes.</summary>
    private const int MaxAnswer = 64 * 1024;

    private const int MaxReason = 200;

    private readonly HttpClient http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    {
        Timeout = timeout ?? DefaultTimeout,
        MaxResponseContentBufferSize = MaxAnswer,
        DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("ProductCache", null) } },
    };

    /// <returns>The text of an answer of success.</returns>
    /// <exception cref="PurgeRefusedException">The answer is final.</exception>
    /// <exception cref="HttpRequestException">There was no answer in time, or the answer may change.</exception>
    public async Task<string> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.SendAsync(request, cancellationToken);
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.IsSuccessStatusCode ? text : throw FaultOf(request, answer.StatusCode, text);
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException(string.Create(
                CultureInfo.InvariantCulture, $"{request.RequestUri!.Authority} did not answer within {http.Timeout.TotalSeconds} s"));
        }
    }

    public void Dispose() => http.Dispose();

    // A wrong credential or a missing zone is mended by an operator, so these are repeated. What is wrong with the request itself stays wrong.
    private static Exception FaultOf(HttpRequestMessage request, HttpStatusCode status, string text)
    {
        var code = (int)status;
        var reason = string.Create(CultureInfo.InvariantCulture, $"{request.RequestUri!.Authority} answered {code}{(text.Length > 0 ? $": {Shortened(text)}" : string.Empty)}");
        return code switch
        {
            >= 300 and < 400 => new PurgeRefusedException($"{reason} (redirects are not followed)"),
            400 or 405 or 410 or 413 or 414 or 415 or 422 or 431 => new PurgeRefusedException(reason),
            _ => new HttpRequestException(reason, null, status),
        };
    }

    private static string Shortened(string text) =>
        string.Concat(text.Take(MaxReason).Select(character => char.IsControl(character) ? ' ' : character)).Trim();
}
