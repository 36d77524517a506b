using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Says in one sentence why Kafka cannot be used: the server, the setting and the reason.</summary>
internal sealed partial class KafkaFaults(KafkaOptions options, TimeProvider time)
{
    private const string BootstrapSetting = "KAFKA_BOOTSTRAP";
    private const string AuthoritySetting = "KAFKA_CA_FILE";

    /// <summary>The limit of a handshake that finds out why another one failed.</summary>
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(2);

    private readonly KafkaSecurity security = options.Security;

    public string Silent => $"Kafka at {options.Bootstrap} does not answer ({BootstrapSetting}).";

    public async Task<string> ExplainAsync(Error error, CancellationToken cancellationToken)
    {
        var server = $"Kafka at {ServerOf(error)}";
        if (error.Code == ErrorCode.Local_Ssl || error.Reason.Contains("SSL handshake", StringComparison.Ordinal))
        {
            var fault = await HandshakeFaultAsync(ServerOf(error), cancellationToken) ?? $"does not accept the TLS handshake: {TextOf(error)}";
            return $"{server} {fault} ({KafkaSecurity.ProtocolSetting}, {AuthoritySetting}).";
        }

        return error.Code switch
        {
            ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed =>
                $"{server} rejects the login ({KafkaSecurity.UserSetting}, {security.Password.Setting}): {TextOf(error)}.",
            _ when error.Reason.Contains("security.protocol", StringComparison.Ordinal) =>
                $"{server} closes connections: it expects another {KafkaSecurity.ProtocolSetting} than {security.Protocol.ToString().ToUpperInvariant()}.",
            ErrorCode.Local_Resolve => $"{server} is not known by that name ({BootstrapSetting}).",
            ErrorCode.Local_TimedOut => Silent,
            _ => $"{server} cannot be reached ({BootstrapSetting}): {TextOf(error)}.",
        };
    }

    // The client says only that its verification failed. The same handshake with a verification of our own has the reason.
    private async Task<string?> HandshakeFaultAsync(string server, CancellationToken cancellationToken)
    {
        var colon = server.LastIndexOf(':');
        var check = new ServerCertificateCheck(security.Files);
        using var limit = new CancellationTokenSource(HandshakeTimeout, time);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            using var connection = new TcpClient();
            await connection.ConnectAsync(server[..colon], int.Parse(server[(colon + 1)..], CultureInfo.InvariantCulture), timeout.Token);
            await using var tls = new SslStream(connection.GetStream());
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = server[..colon],
                    RemoteCertificateValidationCallback = check.Accept,
                    ClientCertificates = security.Files.ClientCertificate is { } certificate ? [certificate] : null,
                },
                timeout.Token);
            return null;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException or SocketException or OperationCanceledException or FormatException
            && !cancellationToken.IsCancellationRequested)
        {
            return check.Rejection ?? (exception is AuthenticationException or IOException ? "does not speak TLS, or needs a certificate of the client" : null);
        }
    }

    // "sasl_ssl://kafka.example:9093/bootstrap: SASL authentication error: …"
    private string ServerOf(Error error) => ServerPattern().Match(error.Reason) is { Success: true } match
        ? match.Groups[1].Value
        : options.Bootstrap.Split(',')[0].Trim();

    private static string TextOf(Error error) => ServerPattern().Replace(error.Reason, string.Empty).ReplaceLineEndings(" ").TrimStart(':', ' ').TrimEnd('.');

    [GeneratedRegex(@"[a-z_]+://([^/]+:\d+)/\S*?:")]
    private static partial Regex ServerPattern();
}
