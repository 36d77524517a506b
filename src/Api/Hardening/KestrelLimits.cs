using Microsoft.AspNetCore.Server.Kestrel.Core;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;
using IPNetwork = System.Net.IPNetwork;

namespace ProductCache.Api.Hardening;

/// <summary>
/// The limits of the server on connections, requests and responses: API_MAX_CONNECTIONS, API_CONNECTIONS_PER_ADDRESS, and the constants
/// below.
/// </summary>
internal static class KestrelLimits
{
    /// <summary>From the first byte of a request to the end of its headers.</summary>
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The minimum rate at which a client must read a response, in bytes per second, after <see cref="AnswerGrace"/>. Slower connections
    /// are closed.
    /// </summary>
    private const int MinAnswerRate = 4 * 1024;

    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(5);

    /// <summary>HTTP/2: concurrent requests of a connection.</summary>
    private const int MaxStreams = 64;

    /// <summary>HTTP/2: bytes of request bodies that a client may send before they are read, per request and per connection.</summary>
    private const int StreamWindow = 128 * 1024;

    /// <inheritdoc cref="StreamWindow"/>
    private const int ConnectionWindow = 256 * 1024;

    /// <summary>HTTP/2: an idle connection is pinged after this time, and closed if the ping is not answered within <see cref="PingTimeout"/>.</summary>
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    private const string ConnectionsSetting = "API_MAX_CONNECTIONS";

    public static ConnectionLimitOptions ReadConnections(Settings settings, IReadOnlyList<IPNetwork> trustedProxies) => new(
        settings.Number(ConnectionsSetting, 20_000, 1, 1_000_000),
        settings.Number("API_CONNECTIONS_PER_ADDRESS", 2_000, 0, 1_000_000),
        trustedProxies,
        settings.Text(ConnectionsSetting, string.Empty).Length > 0 ? ConnectionsSetting : null);

    /// <param name="certificate">Null for plain HTTP.</param>
    /// <param name="plainPort">A port that has plain HTTP even with a certificate. Null: there is none.</param>
    public static void AddKestrelLimits(
        this WebApplicationBuilder builder, ConnectionLimitOptions connections, ServerCertificate? certificate, int? plainPort = null)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = RequestBody.MaxLength;
            kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
            kestrel.Limits.MaxResponseBufferSize = LargeAnswers.KestrelBufferBytes;
            kestrel.Limits.MinResponseDataRate = new MinDataRate(MinAnswerRate, AnswerGrace);
            kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
            kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindow;
            kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
            kestrel.Limits.Http2.KeepAlivePingDelay = PingDelay;
            kestrel.Limits.Http2.KeepAlivePingTimeout = PingTimeout;
        });

        // The connection limit precedes TLS, so that a rejected connection costs no handshake.
        builder.LimitConnections(connections, listen =>
        {
            if (certificate is not null && listen.IPEndPoint?.Port != plainPort)
            {
                listen.UseTls(certificate);
            }
        });
    }

    /// <summary>Rejects a request by its Content-Length, on every route.</summary>
    public static void UseBodyLimit(this WebApplication application) => application.Use((http, next) =>
    {
        // The server closes a connection whose body it does not read. Only here can the response announce that.
        if (http.Request.ContentLength > RequestBody.MaxLength)
        {
            http.Response.Headers.Connection = "close";
            return RequestBody.TooLarge().ExecuteAsync(http);
        }

        return next(http);
    });
}
