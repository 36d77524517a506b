using System.Security.Cryptography.X509Certificates;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure.Security;

/// <summary>
/// The PEM files of a TLS client: the CA that signs the server's certificate, and the client's own certificate with its key. They are read
/// again when they change.
/// </summary>
public sealed class TlsFiles
{
    private readonly ReloadedFile<X509Certificate2Collection>? authorities;
    private readonly ReloadedFile<X509Certificate2>? certificate;

    private TlsFiles(string prefix, string authority, string certificateFile, string key)
    {
        AuthoritySetting = $"{prefix}_CA_FILE";
        (AuthorityFile, CertificateFile, KeyFile) = (NullIfEmpty(authority), NullIfEmpty(certificateFile), NullIfEmpty(key));
        if (AuthorityFile is not null)
        {
            authorities = new ReloadedFile<X509Certificate2Collection>([AuthorityFile], ParseAuthorities);
        }

        if (CertificateFile is not null && KeyFile is not null)
        {
            certificate = new ReloadedFile<X509Certificate2>(
                [CertificateFile, KeyFile], texts => X509Certificate2.CreateFromPem(texts[0], texts[1]));
        }
    }

    /// <summary>The name of the setting of the CA, for messages.</summary>
    public string AuthoritySetting { get; }

    public string? AuthorityFile { get; }

    public string? CertificateFile { get; }

    public string? KeyFile { get; }

    public IReadOnlyList<string> Files => [.. new[] { AuthorityFile, CertificateFile, KeyFile }.OfType<string>()];

    public bool IsEmpty => Files.Count == 0;

    /// <summary>The CA certificates that a server's certificate must lead to. Null: those that this system trusts.</summary>
    public X509Certificate2Collection? Authorities => authorities?.Current;

    /// <summary>The certificate that the client shows to the server, with its key. Null: none.</summary>
    public X509Certificate2? ClientCertificate => certificate?.Current;

    /// <summary>Reads PREFIX_CA_FILE, PREFIX_CERT_FILE and PREFIX_KEY_FILE, and reports files that cannot be used.</summary>
    public static TlsFiles Read(Settings settings, string prefix)
    {
        var (certificateSetting, keySetting) = ($"{prefix}_CERT_FILE", $"{prefix}_KEY_FILE");
        var files = new TlsFiles(
            prefix, settings.Text($"{prefix}_CA_FILE", string.Empty), settings.Text(certificateSetting, string.Empty), settings.Text(keySetting, string.Empty));
        Try(settings, () => files.Authorities, $"{files.AuthoritySetting} must name a readable file with CA certificates in PEM: {files.AuthorityFile}.");
        Try(settings, () => files.ClientCertificate, $"{certificateSetting} and {keySetting} must name a readable certificate and its key, in PEM: {files.CertificateFile}, {files.KeyFile}.");
        if (files.CertificateFile is null != files.KeyFile is null)
        {
            settings.Refuse($"{certificateSetting} and {keySetting} must be set together: {(files.KeyFile is null ? keySetting : certificateSetting)} is missing.");
        }

        return files;
    }

    private static X509Certificate2Collection ParseAuthorities(IReadOnlyList<string> texts)
    {
        X509Certificate2Collection all = [];
        all.ImportFromPem(texts[0]);
        return all.Count > 0 ? all : throw new FormatException("The file has no certificate.");
    }

    private static void Try(Settings settings, Func<object?> read, string fault)
    {
        try
        {
            read();
        }
        catch (Exception exception) when (ReloadedFile<object>.IsFault(exception))
        {
            settings.Refuse(fault);
        }
    }

    private static string? NullIfEmpty(string text) => text.Length > 0 ? text : null;
}
