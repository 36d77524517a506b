using System.Globalization;
using System.Net.Http.Headers;
using System.Xml.Linq;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>The credentials of AWS: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.</summary>
/// <param name="SessionToken">Empty: the key has none.</param>
internal sealed record AwsCredentials(string AccessKey, Secret SecretKey, Secret SessionToken);

/// <summary>
/// PURGE_CLOUDFRONT_DISTRIBUTION, PURGE_CLOUDFRONT_URL: <c>POST /2020-05-31/distribution/{id}/invalidation</c>. CloudFront invalidates paths:
/// those of each product, and all answers with several products.
/// </summary>
internal sealed class CloudFrontCache(SharedCacheClient client, Uri api, string distribution, AwsCredentials credentials, TimeProvider time)
    : SharedCache("cloudfront", MaxPaths / PathsOfProduct)
{
    public const string DefaultApi = "https://cloudfront.amazonaws.com";

    /// <summary>CloudFront has a limit of 3,000 paths that are invalidated at the same time.</summary>
    private const int MaxPaths = 1_000;

    private const int PathsOfProduct = 2;

    private const string Batches = "/api/v1/products?*";

    private static readonly XNamespace Namespace = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

    public override Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken) =>
        SendAsync([.. products.SelectMany(product => PathsOf(product.Id)), Batches], cancellationToken);

    public override Task PurgeAllAsync(CancellationToken cancellationToken) => SendAsync(["/*"], cancellationToken);

    // With and without a slash at the end. An id that begins with this one is invalidated too.
    private static IEnumerable<string> PathsOf(ProductId id) => [$"/productapp/{id}*", $"/api/v1/products/{id}*"];

    private async Task SendAsync(List<string> paths, CancellationToken cancellationToken)
    {
        var batch = new XElement(
            Namespace + "InvalidationBatch",
            new XElement(Namespace + "CallerReference", Guid.NewGuid().ToString("N")),
            new XElement(
                Namespace + "Paths",
                new XElement(Namespace + "Items", paths.Select(path => new XElement(Namespace + "Path", path))),
                new XElement(Namespace + "Quantity", paths.Count.ToString(CultureInfo.InvariantCulture))));
        using var text = new MemoryStream();
        await batch.SaveAsync(text, SaveOptions.DisableFormatting, cancellationToken);
        var body = text.ToArray();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api, $"/2020-05-31/distribution/{Uri.EscapeDataString(distribution)}/invalidation"))
        {
            Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("text/xml") } },
        };
        var token = credentials.SessionToken.Value is { Length: > 0 } session ? session : null;
        new AwsSignature(credentials.AccessKey, credentials.SecretKey.Value, token, "us-east-1", "cloudfront").Sign(request, body, time.GetUtcNow());
        try
        {
            await client.SendAsync(request, cancellationToken);
        }
        catch (PurgeRefusedException refusal) when (refusal.Message.Contains("TooManyInvalidationsInProgress", StringComparison.Ordinal))
        {
            // A status of 400, although it passes.
            throw new HttpRequestException(refusal.Message, refusal);
        }
    }
}
