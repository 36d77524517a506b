using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ProductCache.Infrastructure.Hosting;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>API_TLS_CERT_FILE and API_TLS_KEY_FILE.</summary>
[Category(TestCategories.NoServers)]
public sealed class TransportSecurityTests
{
    private const string Request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    private const string TransportSecurity = "\r\nStrict-Transport-Security: max-age=31536000\r\n";

    // The first byte of a record of TLS.
    private const int Alert = 21;
    private const int Handshake = 22;

    private readonly int port = TestServer.FreePort();
    private string folder = null!;
    private X509Certificate2 root = null!;
    private ServiceUnderTest api = null!;

    private string CertificateFile => Path.Combine(folder, "certificate.pem");

    private string KeyFile => Path.Combine(folder, "key.pem");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        folder = Directory.CreateTempSubdirectory("product-cache-tls-").FullName;
        WriteCertificates();
        api = await ServiceUnderTest.StartApiAloneAsync(port, ("API_TLS_CERT_FILE", CertificateFile), ("API_TLS_KEY_FILE", KeyFile));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await api.DisposeAsync();
        root.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task AClientThatKnowsTheRootIsAnswered(SslProtocols version)
    {
        using var connection = await RawConnection.OpenAsync(port);
        await using var tls = new SslStream(connection.Stream);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = version,
            CertificateChainPolicy = Trust(),
        });

        var answer = await RawConnection.ExchangeAsync(tls, Encoding.Latin1.GetBytes(Request));

        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { 200 }), answer);
        Assert.That(answer, Does.Contain(TransportSecurity));
    }

    [Test]
    public async Task WhatTheServerRefusesByItselfIsAnsweredOverTls()
    {
        using var connection = await RawConnection.OpenAsync(port);
        await using var tls = new SslStream(connection.Stream);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = Trust() });

        var answer = await RawConnection.ExchangeAsync(tls, "GET /\0 HTTP/1.1\r\n\r\n"u8.ToArray());

        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { 400 }), answer);
    }

    [TestCase("/health/live", 200)]
    [TestCase("/productapp/01/", 400)]
    [TestCase("/nowhere", 404)]
    public async Task Http2IsSpokenOverTls(string path, int status)
    {
        using var http = Http2Client();

        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.That((int)answer.StatusCode, Is.EqualTo(status));
        Assert.That(answer.Version, Is.EqualTo(HttpVersion.Version20));
        Assert.That(answer.Headers.Contains("Strict-Transport-Security") && answer.Headers.Contains("X-Content-Type-Options"));
    }

    // Clients of today cannot even be made to offer TLS 1.1, so the offer is written out.
    [TestCase(2, Alert)]
    [TestCase(3, Handshake)]
    public async Task AnOfferBelowTls12IsRefused(byte minorVersion, int firstByte)
    {
        using var connection = await RawConnection.OpenAsync(port);
        using var limit = new CancellationTokenSource(RawConnection.Patience);
        await connection.Stream.WriteAsync(Offer(minorVersion), limit.Token);
        var answer = new byte[1];

        await connection.Stream.ReadExactlyAsync(answer, limit.Token);

        Assert.That(answer[0], Is.EqualTo(firstByte));
    }

    [Test]
    public async Task PlainHttpIsNotAnswered()
    {
        using var connection = await RawConnection.OpenAsync(port);

        Assert.That(RawConnection.StatusesOf(await connection.ExchangeAsync(Request)), Is.Empty);
    }

    [TestCase("nowhere.pem", "key.pem")]
    [TestCase("certificate.pem", "nowhere.pem")]
    [TestCase("certificate.pem", "other.pem")]
    [TestCase("key.pem", "certificate.pem")]
    public async Task FilesThatAreNoCertificateAndItsKeyAreTold(string certificate, string key)
    {
        var (certificateFile, keyFile) = (Path.Combine(folder, certificate), Path.Combine(folder, key));
        await using var process = ServiceUnderTest.LaunchApiAlone(
            TestServer.FreePort(), ("API_TLS_CERT_FILE", certificateFile), ("API_TLS_KEY_FILE", keyFile));

        Assert.That(await process.ExitAsync(), Is.EqualTo(ServiceProcess.WrongSettings));
        Assert.That(process.Output, Is.EqualTo(
            $"API_TLS_CERT_FILE and API_TLS_KEY_FILE must name a readable certificate and its key, in PEM: {certificateFile}, {keyFile}."));
    }

    // A client that knows the root only: what is between it and the certificate must come from the service, as an authority's customers have it.
    private void WriteCertificates()
    {
        var (from, until) = (DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        root = Authority("CN=Root", rootKey).CreateSelfSigned(from, until);
        using var middle = Authority("CN=Middle", middleKey).Create(root, from, until, [1]);
        using var signer = middle.CopyWithPrivateKey(middleKey);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var leaf = request.Create(signer, from, until, [2]);
        File.WriteAllText(CertificateFile, $"{leaf.ExportCertificatePem()}\n{middle.ExportCertificatePem()}\n");
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "other.pem"), other.ExportPkcs8PrivateKeyPem());
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request;
    }

    private HttpClient Http2Client() => new(new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = Trust() } })
    {
        BaseAddress = new Uri($"https://localhost:{port}"),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private X509ChainPolicy Trust() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { root },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    // A ClientHello with what a server with a key on P-256 needs of it. RFC 5246, 7.4.1.2.
    private static byte[] Offer(byte minorVersion)
    {
        byte[] ciphers = [0xC0, 0x2B, 0xC0, 0x09];
        byte[] extensions =
        [
            0x00, 0x0A, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // the group P-256
            0x00, 0x0B, 0x00, 0x02, 0x01, 0x00, // its points uncompressed
            0x00, 0x0D, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03, // signed with ECDSA and SHA-256
        ];
        byte[] body = [3, minorVersion, .. new byte[32], 0, 0, (byte)ciphers.Length, .. ciphers, 1, 0, 0, (byte)extensions.Length, .. extensions];
        return [Handshake, 3, 1, 0, (byte)(body.Length + 4), 1, 0, 0, (byte)body.Length, .. body];
    }
}
