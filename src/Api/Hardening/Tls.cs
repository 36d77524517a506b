using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Hardening;

/// <summary>API_TLS_CERT_FILE and API_TLS_KEY_FILE, both PEM.</summary>
/// <param name="Leaf">The first certificate of the file, with its key.</param>
/// <param name="Chain">All certificates of the file. Clients need the intermediate ones to build the chain.</param>
internal sealed record ServerCertificate(X509Certificate2 Leaf, X509Certificate2Collection Chain)
{
    private const string CertificateSetting = "API_TLS_CERT_FILE";
    private const string KeySetting = "API_TLS_KEY_FILE";

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

        try
        {
            X509Certificate2Collection all = [];
            all.ImportFromPemFile(certificate);
            return new ServerCertificate(X509Certificate2.CreateFromPemFile(certificate, key), all);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            settings.Refuse($"{CertificateSetting} and {KeySetting} must name a readable certificate and its key, in PEM: {certificate}, {key}.");
            return null;
        }
    }
}

/// <summary>HTTPS on the port of the Api.</summary>
internal static class Tls
{
    public static void UseTls(this ListenOptions listen, ServerCertificate certificate) => listen.UseHttps(https =>
    {
        https.ServerCertificate = certificate.Leaf;
        https.ServerCertificateChain = certificate.Chain;
        https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
    });
}
