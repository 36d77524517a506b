using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Hardening;

/// <summary>
/// API_TLS_CERT_FILE and API_TLS_KEY_FILE, both PEM. The first file may have the intermediate certificates too, which clients need to build
/// the chain. New connections get the current content of the files.
/// </summary>
internal sealed class ServerCertificate
{
    private readonly ReloadedFile<SslServerAuthenticationOptions> handshake;

    private ServerCertificate(ReloadedFile<SslServerAuthenticationOptions> handshake) => this.handshake = handshake;

    /// <summary>The options of the next handshake.</summary>
    public SslServerAuthenticationOptions Handshake => handshake.Current;

    /// <returns>Null if neither setting is set, or only one of them.</returns>
    public static ServerCertificate? Read(Settings settings) =>
        TlsFiles.ReadPair(settings, "API_TLS_CERT_FILE", "API_TLS_KEY_FILE", Parse) is { } handshake ? new ServerCertificate(handshake) : null;

    private static SslServerAuthenticationOptions Parse(string certificate, string key)
    {
        X509Certificate2Collection all = [];
        all.ImportFromPem(certificate);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificate, key), all, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
    }
}

/// <summary>HTTPS on the port of the Api.</summary>
internal static class Tls
{
    public static void UseTls(this ListenOptions listen, ServerCertificate certificate) => listen.UseHttps(new TlsHandshakeCallbackOptions
    {
        OnConnection = _ => ValueTask.FromResult(certificate.Handshake),
    });
}
