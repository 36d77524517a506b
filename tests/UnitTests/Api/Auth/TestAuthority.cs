using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ProductCache.UnitTests.Api.Auth;

/// <summary>Serves a discovery document and the key in it, and issues tokens: by hand, so that wrong ones can be made too.</summary>
internal sealed class TestAuthority : IAsyncDisposable
{
    public const string Audience = "products";

    private const string KeyId = "one";

    private readonly RSA key = RSA.Create(2048);
    private readonly RSA otherKey = RSA.Create(2048);
    private readonly WebApplication server;

    private TestAuthority()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        server = builder.Build();
        server.MapGet("/.well-known/openid-configuration", () => Results.Text(
            JsonSerializer.Serialize(new { issuer = Issuer, jwks_uri = $"{Issuer}/keys" }), "application/json"));
        server.MapGet("/keys", () => Results.Text(JsonSerializer.Serialize(new { keys = new[] { PublicKey() } }), "application/json"));
    }

    public string Issuer => server.Urls.Single();

    public static async Task<TestAuthority> StartAsync()
    {
        var authority = new TestAuthority();
        await authority.server.StartAsync();
        return authority;
    }

    /// <param name="change">What is unusual about its claims; null takes one out.</param>
    public string Token(params IEnumerable<(string Claim, object? Value)> change) => Signed("RS256", change, key);

    /// <param name="more">Beside alg, typ and kid, or in place of them; null takes one out.</param>
    public string TokenWithHeader(params IEnumerable<(string Name, object? Value)> more)
    {
        Dictionary<string, object> header = new() { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = KeyId };
        foreach (var (name, value) in more)
        {
            header.Remove(name);
            if (value is not null)
            {
                header[name] = value;
            }
        }

        var text = $"{Part(header)}.{Part(Claims([]))}";
        return $"{text}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    public string TokenOfAnotherKey() => Signed("RS256", [], otherKey);

    public string UnsignedToken() => $"{Part(Header("none"))}.{Part(Claims([]))}.";

    /// <summary>The public key is no secret: whoever takes it for one accepts what anybody can sign.</summary>
    public string TokenSignedWithThePublicKey()
    {
        var text = $"{Part(Header("HS256"))}.{Part(Claims([]))}";
        return $"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(text)))}";
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        key.Dispose();
        otherKey.Dispose();
    }

    public static long FromNow(int minutes) => TimeProvider.System.GetUtcNow().AddMinutes(minutes).ToUnixTimeSeconds();

    private static object Header(string algorithm) => new { alg = algorithm, typ = "JWT", kid = KeyId };

    private static string Part(object value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));

    private string Signed(string algorithm, IEnumerable<(string Claim, object? Value)> change, RSA with)
    {
        var text = $"{Part(Header(algorithm))}.{Part(Claims(change))}";
        return $"{text}.{Base64Url.EncodeToString(with.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    private Dictionary<string, object> Claims(IEnumerable<(string Claim, object? Value)> change)
    {
        Dictionary<string, object> claims = new()
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["sub"] = "somebody",
            ["nbf"] = FromNow(minutes: -5),
            ["exp"] = FromNow(minutes: 60),
            ["scope"] = "openid products:write",
        };
        foreach (var (claim, value) in change)
        {
            claims.Remove(claim);
            if (value is not null)
            {
                claims[claim] = value;
            }
        }

        return claims;
    }

    private object PublicKey()
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return new
        {
            kty = "RSA",
            use = "sig",
            kid = KeyId,
            n = Base64Url.EncodeToString(parameters.Modulus),
            e = Base64Url.EncodeToString(parameters.Exponent),
        };
    }
}
