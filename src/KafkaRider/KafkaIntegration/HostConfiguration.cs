using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Writes the settings of the brokers into the configuration of all clients.</summary>
internal sealed class HostConfiguration(ClientConfig config) : IKafkaHostConfigurator, IKafkaSslConfigurator, IKafkaSaslConfigurator
{
    private bool ssl;
    private bool sasl;

    public string CaLocation { set => config.SslCaLocation = value; }

    public string CaPem { set => config.SslCaPem = value; }

    public string CertificateLocation { set => config.SslCertificateLocation = value; }

    public string CertificatePem { set => config.SslCertificatePem = value; }

    public string KeyLocation { set => config.SslKeyLocation = value; }

    public string KeyPem { set => config.SslKeyPem = value; }

    public string KeyPassword { set => config.SslKeyPassword = value; }

    public string KeystoreLocation { set => config.SslKeystoreLocation = value; }

    public string KeystorePassword { set => config.SslKeystorePassword = value; }

    public string CrlLocation { set => config.SslCrlLocation = value; }

    public string CipherSuites { set => config.SslCipherSuites = value; }

    public string CurvesList { set => config.SslCurvesList = value; }

    public string SigalgsList { set => config.SslSigalgsList = value; }

    public bool? EnableCertificateVerification { set => config.EnableSslCertificateVerification = value; }

    public SslEndpointIdentificationAlgorithm? EndpointIdentificationAlgorithm { set => config.SslEndpointIdentificationAlgorithm = value; }

    public string SslCaCertificateStores { set => config.SslCaCertificateStores = value; }

    public string SslEngineLocation { set => config.SslEngineLocation = value; }

    public string SslEngineId { set => config.SslEngineId = value; }

    public SaslMechanism? Mechanism { set => config.SaslMechanism = value; }

    public string Username { set => config.SaslUsername = value; }

    public string Password { set => config.SaslPassword = value; }

    public SecurityProtocol? SecurityProtocol { set => config.SecurityProtocol = value; }

    public string OauthbearerConfig { set => config.SaslOauthbearerConfig = value; }

    public bool? EnableOauthbearerUnsecureJwt { set => config.EnableSaslOauthbearerUnsecureJwt = value; }

    public string KerberosServiceName { set => config.SaslKerberosServiceName = value; }

    public string KerberosPrincipal { set => config.SaslKerberosPrincipal = value; }

    public string KerberosKinitCmd { set => config.SaslKerberosKinitCmd = value; }

    public string KerberosKeytab { set => config.SaslKerberosKeytab = value; }

    public int? KerberosMinTimeBeforeRelogin { set => config.SaslKerberosMinTimeBeforeRelogin = value; }

    public void UseSsl(Action<IKafkaSslConfigurator>? configure = null)
    {
        ssl = true;
        configure?.Invoke(this);
    }

    public void UseSasl(Action<IKafkaSaslConfigurator> configure)
    {
        sasl = true;
        configure(this);
    }

    public void CancellationDelay(TimeSpan delay) => config.CancellationDelayMaxMs = (int)delay.TotalMilliseconds;

    /// <summary>Completes the settings after the user's configuration.</summary>
    /// <returns>What is wrong with them; null if nothing is.</returns>
    public string? Complete()
    {
        switch (ssl, sasl, config.SecurityProtocol)
        {
            case (true, false, null):
                config.SecurityProtocol = Confluent.Kafka.SecurityProtocol.Ssl;
                return null;
            case (true, true, null):
                config.SecurityProtocol = Confluent.Kafka.SecurityProtocol.SaslSsl;
                return null;
            case (false, true, null):
                return "UseSasl without UseSsl needs a SecurityProtocol: SaslPlaintext, if passwords may be sent in plain text";
            case (true, _, Confluent.Kafka.SecurityProtocol.Plaintext or Confluent.Kafka.SecurityProtocol.SaslPlaintext):
                return $"UseSsl contradicts the SecurityProtocol {config.SecurityProtocol}";
            case (_, true, Confluent.Kafka.SecurityProtocol.Plaintext or Confluent.Kafka.SecurityProtocol.Ssl):
                return $"UseSasl contradicts the SecurityProtocol {config.SecurityProtocol}";
            default:
                return null;
        }
    }
}
