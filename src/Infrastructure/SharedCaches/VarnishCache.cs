using System.Text.RegularExpressions;
using ProductCache.Application;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>
/// PURGE_VARNISH_URLS, PURGE_VARNISH_METHOD. Each Varnish gets a request that its VCL understands (deploy/varnish): with xkey,
/// <c>PURGE</c> and the header <c>xkey-purge: product-1 product-2</c>; with ban, <c>BAN</c> and the header <c>ban-tags</c>, a regular
/// expression of Surrogate-Key. Varnish takes the expression of a ban apart at spaces, so it has none.
/// </summary>
internal sealed class VarnishCache(SharedCacheClient client, IReadOnlyList<Uri> servers, bool hasXkey) : SharedCache("varnish", MaxTags)
{
    /// <summary>So that the header stays below 8 KiB, the default limit of Varnish, for ids of up to 70 characters.</summary>
    private const int MaxTags = 100;

    /// <summary>A server of your own.</summary>
    public override int RequestsPerSecond => 100;

    public override Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken) =>
        SendAsync([.. products.Select(product => product.Tag)], cancellationToken);

    public override Task PurgeAllAsync(CancellationToken cancellationToken) => SendAsync([PurgeTag.All], cancellationToken);

    // All servers, also if one fails: a request that is repeated is harmless.
    private Task SendAsync(string[] tags, CancellationToken cancellationToken) => Task.WhenAll(servers.Select(async server =>
    {
        using var request = new HttpRequestMessage(new HttpMethod(hasXkey ? "PURGE" : "BAN"), server);
        request.Headers.TryAddWithoutValidation(
            hasXkey ? "xkey-purge" : "ban-tags", hasXkey ? string.Join(' ', tags) : $@"(^|\s)({string.Join('|', tags.Select(Regex.Escape))})(\s|$)");
        await client.SendAsync(request, cancellationToken);
    }));
}
