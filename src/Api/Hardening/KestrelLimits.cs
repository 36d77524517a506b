using Microsoft.AspNetCore.Server.Kestrel.Core;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;
using IPNetwork = System.Net.IPNetwork;

namespace ProductCache.Api.Hardening;

/// <summary>
/// Limits that the server enforces on connections, requests and answers: API_MAX_CONNECTIONS, API_CONNECTIONS_PER_ADDRESS, and those
/// below, which are not configurable.
/// </summary>
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

    private const string ConnectionsSetting = "API_MAX_CONNECTIONS";

    public static ConnectionLimitOptions ReadConnections(Settings settings, IReadOnlyList<IPNetwork> trustedProxies) => new(
        settings.Number(ConnectionsSetting, 20_000, 1, 1_000_000),
        settings.Number("API_CONNECTIONS_PER_ADDRESS", 2_000, 0, 1_000_000),
        trustedProxies,
        settings.Text(ConnectionsSetting, string.Empty).Length > 0 ? ConnectionsSetting : null);

    /// <param name="certificate">Null: the port speaks plain HTTP.</param>
    public static void AddKestrelLimits(this WebApplicationBuilder builder, ConnectionLimitOptions connections, ServerCertificate? certificate)
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

        // The limit comes first: a connection that is refused costs no handshake.
        builder.LimitConnections(connections, listen =>
        {
            if (certificate is not null)
            {
                listen.UseTls(certificate);
            }
        });
    }

    /// <summary>Refuses a body that is too long by its Content-Length, on every route.</summary>
    public static void UseBodyLimit(this WebApplication application) => application.Use((http, next) =>
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
