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
    private const string CertificateSetting = "API_TLS_CERT_FILE";
    private const string KeySetting = "API_TLS_KEY_FILE";

    private readonly ReloadedFile<SslServerAuthenticationOptions> handshake;

    private ServerCertificate(string certificate, string key) =>
        handshake = new ReloadedFile<SslServerAuthenticationOptions>([certificate, key], texts =>
        {
            X509Certificate2Collection all = [];
            all.ImportFromPem(texts[0]);
            return new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(texts[0], texts[1]), all, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            };
        });

    /// <summary>The options of the next handshake.</summary>
    public SslServerAuthenticationOptions Handshake => handshake.Current;

    /// <returns>Null if neither setting is set.</returns>
    public static ServerCertificate? Read(Settings settings)
    {
        var (certificate, key) = (settings.Text(CertificateSetting, string.Empty), settings.Text(KeySetting, string.Empty));
        if (certificate.Length == 0 && key.Length == 0)
        {
            return null;
        }

        if (certificate.Length == 0 || key.Length == 0)
        {
            settings.Refuse($"{CertificateSetting} and {KeySetting} must be set together: {(key.Length == 0 ? KeySetting : CertificateSetting)} is missing.");
            return null;
        }

        var read = new ServerCertificate(certificate, key);
        try
        {
            _ = read.Handshake;
            return read;
        }
        catch (Exception exception) when (ReloadedFile<object>.IsFault(exception))
        {
            settings.Refuse($"{CertificateSetting} and {KeySetting} must name a readable certificate and its key, in PEM: {certificate}, {key}.");
            return null;
        }
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
