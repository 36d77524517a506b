using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>
/// PURGE_WEBHOOK_URL, PURGE_WEBHOOK_SECRET, PURGE_WEBHOOK_ATTEMPTS: a POST with the changed products, signed as in the Standard Webhooks
/// specification (HMAC-SHA256 of <c>{webhook-id}.{webhook-timestamp}.{body}</c>).
/// </summary>
internal sealed class WebhookCache(
    SharedCacheClient client, Uri url, Secret secret, int maxAttempts, TimeProvider time, ProductIdType idType) : SharedCache("webhook", MaxProductsOfRequest)
{
    /// <summary>In front of a secret in base64.</summary>
    private const string SecretPrefix = "whsec_";

    private const int MaxProductsOfRequest = 500;

    public override int? MaxAttempts => maxAttempts;

    public override Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken) =>
        SendAsync("products.changed", [.. products.Select(ProductOf)], cancellationToken);

    public override Task PurgeAllAsync(CancellationToken cancellationToken) => SendAsync("products.purged", null, cancellationToken);

    internal static string SignatureOf(string secret, string id, string timestamp, ReadOnlySpan<byte> body)
    {
        var key = secret.StartsWith(SecretPrefix, StringComparison.Ordinal) ? Convert.FromBase64String(secret[SecretPrefix.Length..]) : Encoding.UTF8.GetBytes(secret);
        return $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, (byte[])[.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body]))}";
    }

    internal static bool IsSecret(string secret) =>
        !secret.StartsWith(SecretPrefix, StringComparison.Ordinal) || Convert.TryFromBase64String(secret[SecretPrefix.Length..], new byte[secret.Length], out _);

    private async Task SendAsync(string type, IReadOnlyList<WebhookProduct>? products, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var (id, timestamp) = ($"msg_{Guid.NewGuid():N}", now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        var body = JsonSerializer.SerializeToUtf8Bytes(new WebhookBody(type, now, new WebhookData(products)), WebhookJson.Default.WebhookBody);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", SignatureOf(secret.Value, id, timestamp, body));
        await client.SendAsync(request, cancellationToken);
    }

    private WebhookProduct ProductOf(PurgedProduct product) => new(
        idType == ProductIdType.Bigint ? product.Id.Value : product.Id.Text, product.Tag, product.Change?.Version.Value, product.Change?.Deleted);
}

internal sealed record WebhookBody(string Type, DateTimeOffset Timestamp, WebhookData Data);

/// <param name="Products">Null: all.</param>
internal sealed record WebhookData(IReadOnlyList<WebhookProduct>? Products);

/// <param name="Id">A number or a text, as in the body of the product.</param>
internal sealed record WebhookProduct(object Id, string Tag, long? Version, bool? Deleted);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WebhookBody))]
[JsonSerializable(typeof(long))]
internal sealed partial class WebhookJson : JsonSerializerContext;
