using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ProductCache.Infrastructure.Security;

/// <summary>
/// Verifies the certificate of a server, and keeps the reason of a rejection: the exception of the connection only says that there was one.
/// </summary>
/// <param name="checkName">Whether the certificate must be for the host that the client connects to.</param>
public sealed class ServerCertificateCheck(TlsFiles files, bool checkName = true)
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private volatile string? rejection;

    /// <summary>Why the last certificate was rejected, as the end of a sentence that begins with the server. Null: it was accepted.</summary>
    public string? Rejection => rejection;

    /// <summary>A <see cref="RemoteCertificateValidationCallback"/>.</summary>
    public bool Accept(object sender, X509Certificate? certificate, X509Chain? systemChain, SslPolicyErrors errors)
    {
        rejection = FaultOf(certificate as X509Certificate2, systemChain, errors, (sender as SslStream)?.TargetHostName);
        return rejection is null;
    }

    private string? FaultOf(X509Certificate2? certificate, X509Chain? systemChain, SslPolicyErrors errors, string? host)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            return "shows no certificate";
        }

        if (checkName && errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return $"shows a certificate for {NamesOf(certificate)}, not for {host}";
        }

        if (files.Authorities is not { } authorities)
        {
            return errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? ChainFaultOf(certificate, systemChain, "that this system trusts") : null;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new(ServerAuthentication));

        // The intermediate certificates that the server sent.
        foreach (var element in systemChain?.ChainElements.Skip(1) ?? [])
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate) ? null : ChainFaultOf(certificate, chain, $"in {files.AuthoritySetting}");
    }

    private static string ChainFaultOf(X509Certificate2 certificate, X509Chain? chain, string trusted)
    {
        var status = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status) ?? X509ChainStatusFlags.PartialChain;
        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"shows a certificate that is valid from {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}, or one of its CAs is not valid now");
        }

        return (status & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain)) != 0
            ? $"shows a certificate that is not signed by a CA {trusted}"
            : $"shows a certificate that is not valid: {status}";
    }

    private static string NamesOf(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString())))
            .ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false);
    }
}
