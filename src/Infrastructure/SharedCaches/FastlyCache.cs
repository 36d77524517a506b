using System.Net.Http.Json;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>PURGE_FASTLY_SERVICE, PURGE_FASTLY_TOKEN, PURGE_FASTLY_URL: <c>POST /service/{id}/purge</c> with surrogate keys.</summary>
internal sealed class FastlyCache(SharedCacheClient client, Uri api, string service, Secret token) : SharedCache("fastly", MaxKeys)
{
    public const string DefaultApi = "https://api.fastly.com";

    /// <summary>Fastly's limit of one request.</summary>
    private const int MaxKeys = 256;

    public override Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken) =>
        SendAsync("purge", new Dictionary<string, string[]> { ["surrogate_keys"] = [.. products.Select(product => product.Tag)] }, cancellationToken);

    public override Task PurgeAllAsync(CancellationToken cancellationToken) => SendAsync("purge_all", null, cancellationToken);

    private async Task SendAsync(string verb, Dictionary<string, string[]>? keys, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api, $"/service/{Uri.EscapeDataString(service)}/{verb}"));
        request.Headers.Add("Fastly-Key", token.Value);
        request.Headers.Add("Accept", "application/json");
        request.Content = keys is null ? null : JsonContent.Create(keys);
        await client.SendAsync(request, cancellationToken);
    }
}
