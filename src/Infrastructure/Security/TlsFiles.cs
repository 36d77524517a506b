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

    private TlsFiles(Settings settings, string prefix)
    {
        var (certificateSetting, keySetting) = ($"{prefix}_CERT_FILE", $"{prefix}_KEY_FILE");
        AuthoritySetting = $"{prefix}_CA_FILE";
        (AuthorityFile, CertificateFile, KeyFile) = (PathIn(settings, AuthoritySetting), PathIn(settings, certificateSetting), PathIn(settings, keySetting));
        if (AuthorityFile is not null)
        {
            authorities = new ReloadedFile<X509Certificate2Collection>([AuthorityFile], ParseAuthorities);
            Try(settings, authorities, $"{AuthoritySetting} must name a readable file with CA certificates in PEM: {AuthorityFile}.");
        }

        certificate = ReadPair(settings, certificateSetting, keySetting, (certificateText, keyText) => X509Certificate2.CreateFromPem(certificateText, keyText));
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
    public static TlsFiles Read(Settings settings, string prefix) => new(settings, prefix);

    /// <summary>Reads two settings that name a certificate and its key, and reports files that cannot be used.</summary>
    /// <param name="parse">Makes the value of the content of both files.</param>
    /// <returns>Null if neither setting is set, or only one of them.</returns>
    public static ReloadedFile<T>? ReadPair<T>(Settings settings, string certificateSetting, string keySetting, Func<string, string, T> parse)
        where T : class
    {
        var (certificate, key) = (PathIn(settings, certificateSetting), PathIn(settings, keySetting));
        if (certificate is null || key is null)
        {
            if (certificate is not null || key is not null)
            {
                settings.Refuse($"{certificateSetting} and {keySetting} must be set together: {(key is null ? keySetting : certificateSetting)} is missing.");
            }

            return null;
        }

        var pair = new ReloadedFile<T>([certificate, key], texts => parse(texts[0], texts[1]));
        Try(settings, pair, $"{certificateSetting} and {keySetting} must name a readable certificate and its key, in PEM: {certificate}, {key}.");
        return pair;
    }

    private static X509Certificate2Collection ParseAuthorities(IReadOnlyList<string> texts)
    {
        X509Certificate2Collection all = [];
        all.ImportFromPem(texts[0]);
        return all.Count > 0 ? all : throw new FormatException("The file has no certificate.");
    }

    private static void Try<T>(Settings settings, ReloadedFile<T> file, string fault)
        where T : class
    {
        try
        {
            _ = file.Current;
        }
        catch (Exception exception) when (ReloadedFile<T>.IsFault(exception))
        {
            settings.Refuse(fault);
        }
    }

    private static string? PathIn(Settings settings, string setting) => settings.Text(setting, string.Empty) is { Length: > 0 } path ? path : null;
}
