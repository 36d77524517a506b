using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace ProductCache.Client;

/// <summary>Problem documents (RFC 9457) as exceptions.</summary>
internal static class Problems
{
    public const string NoSuchProduct = "no-such-product";

    public static async Task ThrowIfFailedAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.IsSuccessStatusCode)
        {
            return;
        }

        var (name, detail) = await ReadAsync(answer, cancellationToken).ConfigureAwait(false);
        var message = detail ?? string.Create(CultureInfo.InvariantCulture, $"The service answered {(int)answer.StatusCode}.");
        var retryAfter = answer.Headers.RetryAfter?.Delta;
        throw answer.StatusCode switch
        {
            HttpStatusCode.PreconditionFailed when name is not null => new PreconditionFailedException(name, message),
            HttpStatusCode.TooManyRequests when name is not null => new RateLimitedException(name, message, retryAfter),
            HttpStatusCode.ServiceUnavailable when name is not null => new ServiceUnavailableException(name, message, retryAfter),
            _ => new ProductCacheException(answer.StatusCode, name, message, retryAfter),
        };
    }

    public static async Task<string?> NameOfAsync(HttpResponseMessage answer, CancellationToken cancellationToken) =>
        (await ReadAsync(answer, cancellationToken).ConfigureAwait(false)).Name;

    public static ProductCacheException Unusable(HttpResponseMessage answer, string what) =>
        new(answer.StatusCode, null, string.Create(CultureInfo.InvariantCulture, $"The response {(int)answer.StatusCode} {what}."));

    private static async Task<(string? Name, string? Detail)> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            return default;
        }

        try
        {
            // The content can be read again, since it is buffered.
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken).ConfigureAwait(false);
            return (TextOf(problem, "type")?.Split('/')[^1], TextOf(problem, "detail") ?? TextOf(problem, "title"));
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private static string? TextOf(JsonElement problem, string member) =>
        problem.ValueKind == JsonValueKind.Object && problem.TryGetProperty(member, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
}
