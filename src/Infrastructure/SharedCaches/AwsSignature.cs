using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>Signature Version 4 of AWS, for a request without a query.</summary>
internal sealed class AwsSignature(string accessKey, string secretKey, string? sessionToken, string region, string service)
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Adds the headers of the signature.</summary>
    public void Sign(HttpRequestMessage request, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        var time = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var (date, url) = (time[..8], request.RequestUri!);
        var token = sessionToken is null ? string.Empty : $"x-amz-security-token:{sessionToken}\n";
        var signedHeaders = $"host;x-amz-date{(sessionToken is null ? string.Empty : ";x-amz-security-token")}";
        var canonical = $"{request.Method}\n{url.AbsolutePath}\n\nhost:{url.Authority}\nx-amz-date:{time}\n{token}\n{signedHeaders}\n{HashOf(body)}";
        var scope = $"{date}/{region}/{service}/aws4_request";
        var toSign = $"{Algorithm}\n{time}\n{scope}\n{HashOf(Encoding.UTF8.GetBytes(canonical))}";
        var key = new[] { date, region, service, "aws4_request" }.Aggregate(Encoding.UTF8.GetBytes($"AWS4{secretKey}"), Hmac);
        request.Headers.Host = url.Authority;
        request.Headers.Add("x-amz-date", time);
        if (sessionToken is not null)
        {
            request.Headers.Add("x-amz-security-token", sessionToken);
        }

        request.Headers.TryAddWithoutValidation(
            "Authorization", $"{Algorithm} Credential={accessKey}/{scope}, SignedHeaders={signedHeaders}, Signature={Convert.ToHexStringLower(Hmac(key, toSign))}");
    }

    private static string HashOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Hmac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));
}
