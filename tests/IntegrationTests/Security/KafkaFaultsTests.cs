using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Confluent.Kafka;
using ProductCache.Infrastructure.Kafka;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.IntegrationTests.Security;

/// <summary>
/// After a handshake that Kafka's client rejected, the reason is found by another handshake with the same server: here one with certificates that
/// the broker of the other tests does not have.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class KafkaFaultsTests
{
    private readonly TestCertificates certificates = new();
    private readonly TestCertificates strangers = new();

    [OneTimeTearDown]
    public void Delete()
    {
        certificates.Dispose();
        strangers.Dispose();
    }

    [TestCase("another host", "^shows a certificate for broker\\.example, not for 127\\.0\\.0\\.1 ")]
    [TestCase("expired", "^shows a certificate that is valid from .* to .*, or one of its CAs is not valid now ")]
    [TestCase("another authority", "^shows a certificate that is not signed by a CA in KAFKA_CA_FILE ")]
    [TestCase("no TLS", "^does not speak TLS, or needs a certificate of the client ")]
    [TestCase("nothing wrong", "^does not accept the TLS handshake: SSL handshake failed ")]
    public async Task TheSentenceHasTheReason(string fault, string reason)
    {
        var (certificate, key) = fault switch
        {
            "another host" => certificates.Issue("broker", hosts: ["broker.example"]),
            "expired" => certificates.Issue("broker", validDays: -1),
            "another authority" => strangers.Issue("broker"),
            _ => certificates.Issue("broker"),
        };
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, fault == "no TLS" ? null : X509Certificate2.CreateFromPemFile(certificate, key));
        var server = $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        var settings = TestSettings.Of(
            ("KAFKA_BOOTSTRAP", server), ("KAFKA_SECURITY_PROTOCOL", "SSL"), ("KAFKA_CA_FILE", certificates.AuthorityFile));

        var sentence = await new KafkaFaults(KafkaOptions.Read(settings), TimeProvider.System).ExplainAsync(
            new Error(ErrorCode.Local_Ssl, $"ssl://{server}/bootstrap: SSL handshake failed"), CancellationToken.None);
        await serving;

        Assert.That(sentence, Does.StartWith($"Kafka at {server} ").And.EndsWith(" (KAFKA_SECURITY_PROTOCOL, KAFKA_CA_FILE)."));
        Assert.That(sentence[$"Kafka at {server} ".Length..], Does.Match(reason));
    }

    private static async Task ServeAsync(TcpListener listener, X509Certificate2? certificate)
    {
        using var connection = await listener.AcceptTcpClientAsync();
        if (certificate is null)
        {
            return;
        }

        try
        {
            await using var tls = new SslStream(connection.GetStream());
            await tls.AuthenticateAsServerAsync(certificate);
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            // The client has rejected the certificate.
        }
    }
}
