using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>PURGE_CLOUDFLARE_ZONE, PURGE_CLOUDFLARE_TOKEN, PURGE_CLOUDFLARE_URL: <c>POST /zones/{id}/purge_cache</c> with tags.</summary>
internal sealed class CloudflareCache(SharedCacheClient client, Uri api, string zone, Secret token) : SharedCache("cloudflare", MaxTags)
{
    public const string DefaultApi = "https://api.cloudflare.com";

    /// <summary>Cloudflare's limit of one request, of all plans.</summary>
    private const int MaxTags = 30;

    public override Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken) =>
        SendAsync(new JsonObject { ["tags"] = new JsonArray([.. products.Select(product => (JsonNode)product.Tag)]) }, cancellationToken);

    public override Task PurgeAllAsync(CancellationToken cancellationToken) => SendAsync(new JsonObject { ["purge_everything"] = true }, cancellationToken);

    private async Task SendAsync(JsonObject body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api, $"/client/v4/zones/{Uri.EscapeDataString(zone)}/purge_cache"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        request.Content = JsonContent.Create(body);
        var answer = await client.SendAsync(request, cancellationToken);
        if (!IsSuccess(answer))
        {
            throw new HttpRequestException("Cloudflare did not report success");
        }
    }

    private static bool IsSuccess(string answer)
    {
        try
        {
            return JsonNode.Parse(answer)?["success"]?.GetValue<bool>() == true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
