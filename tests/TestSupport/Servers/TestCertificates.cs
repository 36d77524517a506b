using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ProductCache.TestSupport.Servers;

/// <summary>A CA of its own, and certificates that it signs, as PEM files that servers of this machine may read.</summary>
public sealed class TestCertificates : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    private readonly X509Certificate2 authority;

    public TestCertificates()
    {
        Folder = Directory.CreateTempSubdirectory("certificates-").FullName;
        File.SetUnixFileMode(Folder, (UnixFileMode)0b111_101_101);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=Test CA {Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        authority = request.CreateSelfSigned(Now.AddYears(-2), Now.AddYears(2));
        AuthorityFile = Write("ca.pem", authority.ExportCertificatePem());
    }

    public string Folder { get; }

    public string AuthorityFile { get; }

    /// <summary>A certificate for localhost and 127.0.0.1, or for the named hosts.</summary>
    /// <param name="validDays">Negative: it expired so many days ago.</param>
    public (string Certificate, string Key) Issue(string name, int validDays = 365, params string[] hosts)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts.Length > 0 ? hosts : ["localhost", "127.0.0.1"])
        {
            if (IPAddress.TryParse(host, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(host);
            }
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        using var certificate = request.Create(authority, Now.AddYears(-1), Now.AddDays(validDays), RandomNumberGenerator.GetBytes(8));
        var id = Guid.NewGuid().ToString("N")[..8];
        return (Write($"{name}-{id}.pem", certificate.ExportCertificatePem()), Write($"{name}-{id}.key", key.ExportPkcs8PrivateKeyPem()));
    }

    /// <summary>Gives a key to the user of a server, which refuses a key that others may read.</summary>
    public static async Task GiveToAsync(string user, string file)
    {
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (Environment.UserName == "root")
        {
            using var chown = Process.Start("chown", [user, file]);
            await chown.WaitForExitAsync();
        }
    }

    public void Dispose()
    {
        authority.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
