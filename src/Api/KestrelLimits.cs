using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Primitives;
using ProductCache.Infrastructure.Hosting;
using IPNetwork = System.Net.IPNetwork;

namespace ProductCache.Api;

/// <summary>API_TLS_CERT_FILE and API_TLS_KEY_FILE (PEM), API_MAX_CONNECTIONS, API_CONNECTIONS_PER_ADDRESS, CORS_ORIGINS.</summary>
internal sealed record KestrelLimitsOptions(ServerCertificate? Certificate, ConnectionLimitOptions Connections, IReadOnlyList<string> Origins)
{
    private const string ConnectionsSetting = "API_MAX_CONNECTIONS";
    private const string CertificateSetting = "API_TLS_CERT_FILE";
    private const string KeySetting = "API_TLS_KEY_FILE";

    public static KestrelLimitsOptions Read(Settings settings, IReadOnlyList<IPNetwork> trustedProxies) => new(
        ReadCertificate(settings),
        new ConnectionLimitOptions(
            settings.Number(ConnectionsSetting, 20_000, 1, 1_000_000),
            settings.Number("API_CONNECTIONS_PER_ADDRESS", 2_000, 0, 1_000_000),
            trustedProxies,
            settings.Text(ConnectionsSetting, string.Empty).Length > 0 ? ConnectionsSetting : null),
        ReadOrigins(settings));

    private static ServerCertificate? ReadCertificate(Settings settings)
    {
        var (certificate, key) = (settings.Text(CertificateSetting, string.Empty), settings.Text(KeySetting, string.Empty));
        if (certificate.Length == 0 && key.Length == 0)
        {
            return null;
        }

        if (certificate.Length == 0 || key.Length == 0)
        {
            settings.Refuse($"{CertificateSetting} and {KeySetting} go together: {(key.Length == 0 ? KeySetting : CertificateSetting)} is missing.");
            return null;
        }

        try
        {
            X509Certificate2Collection all = [];
            all.ImportFromPemFile(certificate);
            return new ServerCertificate(X509Certificate2.CreateFromPemFile(certificate, key), all);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            settings.Refuse($"{CertificateSetting} and {KeySetting} do not name a certificate and its key, in PEM, that can be read: {certificate}, {key}.");
            return null;
        }
    }

    private static List<string> ReadOrigins(Settings settings)
    {
        List<string> origins = [];
        foreach (var text in settings.Text("CORS_ORIGINS", string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (text == "*" || (Uri.TryCreate(text, UriKind.Absolute, out var origin) && origin.GetLeftPart(UriPartial.Authority) == text))
            {
                origins.Add(text);
            }
            else
            {
                settings.Refuse($"CORS_ORIGINS must list origins (https://shop.example.com) or be *, not '{text}'.");
            }
        }

        return origins;
    }
}

/// <param name="Leaf">The first one of the file, with its key.</param>
/// <param name="Chain">All of the file. Clients know only the root that these lead to.</param>
internal sealed record ServerCertificate(X509Certificate2 Leaf, X509Certificate2Collection Chain);

/// <summary>What the server does for the safety of all who talk to it.</summary>
internal static class KestrelLimits
{
    /// <summary>From the first byte of a request to the end of its headers.</summary>
    private static readonly TimeSpan HeadersDeadline = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Of an answer that has been written and not been taken, in bytes for each second, after <see cref="AnswerGrace"/>. A
    /// connection that takes less is closed.
    /// </summary>
    private const int MinAnswerRate = 4 * 1024;

    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(5);

    /// <summary>HTTP/2: requests of one connection at one time.</summary>
    private const int MaxStreams = 64;

    /// <summary>HTTP/2: bytes of bodies that a client may send before they are read, for each request and for all of a connection.</summary>
    private const int StreamWindow = 128 * 1024;

    /// <inheritdoc cref="StreamWindow"/>
    private const int ConnectionWindow = 256 * 1024;

    /// <summary>HTTP/2: a connection that is silent for so long is asked whether it is still there, and closed without an answer.</summary>
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    /// <summary>How long a browser asks by https only, in the words of RFC 6797.</summary>
    private const string TransportSecurity = "max-age=31536000";

    private static readonly string[] ExposedHeaders =
        ["Age", "Cache-Status", "ETag", "Link", "Location", "Preference-Applied", "Retry-After"];

    public static void AddKestrelLimits(this WebApplicationBuilder builder, KestrelLimitsOptions options)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = RequestBody.MaxLength;
            kestrel.Limits.RequestHeadersTimeout = HeadersDeadline;
            kestrel.Limits.MaxResponseBufferSize = LargeAnswers.KestrelBufferBytes;
            kestrel.Limits.MinResponseDataRate = new MinDataRate(MinAnswerRate, AnswerGrace);
            kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
            kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindow;
            kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
            kestrel.Limits.Http2.KeepAlivePingDelay = PingDelay;
            kestrel.Limits.Http2.KeepAlivePingTimeout = PingTimeout;
        });
        builder.LimitConnections(options.Connections, listen =>
        {
            if (options.Certificate is { } certificate)
            {
                UseTls(listen, certificate);
            }
        });

        // What nobody foresaw clears the headers that its answer had so far.
        builder.Services.PostConfigure<ProblemDetailsOptions>(problems =>
            problems.CustomizeProblemDetails += context => Protect(context.HttpContext.Response.Headers, context.HttpContext.Request.IsHttps));
        if (options.Origins.Count > 0)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
                .WithOrigins([.. options.Origins])
                .AllowAnyHeader()
                .WithMethods("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
                .WithExposedHeaders(ExposedHeaders)
                .SetPreflightMaxAge(PreflightAge)));
        }
    }

    public static void UseKestrelLimits(this WebApplication application, KestrelLimitsOptions options)
    {
        application.Use((http, next) =>
        {
            Protect(http.Response.Headers, http.Request.IsHttps);
            return next(http);
        });
        if (options.Origins.Count > 0)
        {
            application.Use(VaryByOrigin);
            application.UseCors();
        }

        application.Use((http, next) =>
        {
            // At once and for every route: the server closes a connection whose body it will not read, and says so only here.
            if (http.Request.ContentLength > RequestBody.MaxLength)
            {
                http.Response.Headers.Connection = "close";
                return RequestBody.TooLarge().ExecuteAsync(http);
            }

            return next(http);
        });
    }

    /// <summary>What the headers of every answer say.</summary>
    public static void Protect(IHeaderDictionary headers, bool isHttps)
    {
        headers.XContentTypeOptions = "nosniff";
        if (isHttps)
        {
            headers.StrictTransportSecurity = TransportSecurity;
        }
    }

    // The middleware tells only whom it lets in. A cache that has an answer to somebody else would give it to them, without their origin.
    private static Task VaryByOrigin(HttpContext http, RequestDelegate next)
    {
        http.Response.OnStarting(
            state =>
            {
                var headers = (IHeaderDictionary)state;
                if (!headers.Vary.Contains("Origin"))
                {
                    headers.Vary = StringValues.Concat("Origin", headers.Vary);
                }

                return Task.CompletedTask;
            },
            http.Response.Headers);
        return next(http);
    }

    private static void UseTls(ListenOptions listen, ServerCertificate certificate) => listen.UseHttps(https =>
    {
        https.ServerCertificate = certificate.Leaf;
        https.ServerCertificateChain = certificate.Chain;
        https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
    });
}
