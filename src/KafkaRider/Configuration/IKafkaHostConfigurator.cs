using Confluent.Kafka;

namespace MassTransit;

/// <summary>How the brokers are talked to. What is set here wins over the <see cref="ClientConfig"/> of <c>UsingKafka</c>.</summary>
public interface IKafkaHostConfigurator
{
    /// <summary>Encrypts, and sets the security protocol that goes with it unless one is set.</summary>
    void UseSsl(Action<IKafkaSslConfigurator>? configure = null);

    /// <summary>
    /// Logs in. With <see cref="UseSsl"/> the protocol is SASL_SSL unless another one is set; without it one must be set, so
    /// that no password travels in the clear by mistake.
    /// </summary>
    void UseSasl(Action<IKafkaSaslConfigurator> configure);

    /// <summary>How often a call that can be cancelled looks whether it was; Confluent's default is 100 ms.</summary>
    void CancellationDelay(TimeSpan delay);
}

/// <summary>TLS, in librdkafka's terms.</summary>
public interface IKafkaSslConfigurator
{
    /// <summary>A file or folder with the certificates of authorities; default: those of the system.</summary>
    string CaLocation { set; }

    /// <summary>The certificates of authorities themselves.</summary>
    string CaPem { set; }

    /// <summary>A file with the client's certificate.</summary>
    string CertificateLocation { set; }

    /// <summary>The client's certificate itself.</summary>
    string CertificatePem { set; }

    /// <summary>A file with the client's private key.</summary>
    string KeyLocation { set; }

    /// <summary>The client's private key itself.</summary>
    string KeyPem { set; }

    /// <summary>Of the client's private key.</summary>
    string KeyPassword { set; }

    /// <summary>A PKCS#12 file with the client's certificate and key.</summary>
    string KeystoreLocation { set; }

    /// <summary>Of the PKCS#12 file.</summary>
    string KeystorePassword { set; }

    /// <summary>A file of revoked certificates.</summary>
    string CrlLocation { set; }

    /// <summary>In OpenSSL's words.</summary>
    string CipherSuites { set; }

    /// <summary>In OpenSSL's words.</summary>
    string CurvesList { set; }

    /// <summary>In OpenSSL's words.</summary>
    string SigalgsList { set; }

    /// <summary>Whether the broker's certificate is looked at; default: yes.</summary>
    bool? EnableCertificateVerification { set; }

    /// <summary>Whether it must be of the host that was asked for; default: yes.</summary>
    SslEndpointIdentificationAlgorithm? EndpointIdentificationAlgorithm { set; }

    /// <summary>Stores with the certificates of authorities, separated by commas; on Windows only.</summary>
    string SslCaCertificateStores { set; }

    /// <summary>A file with an engine of OpenSSL.</summary>
    string SslEngineLocation { set; }

    /// <summary>Of the engine; OpenSSL's default is <c>dynamic</c>.</summary>
    string SslEngineId { set; }

    /// <summary>Another name of <see cref="CaLocation"/>.</summary>
    string SslCaLocation { set => CaLocation = value; }

    /// <summary>Another name of <see cref="CaPem"/>.</summary>
    string SslCaPem { set => CaPem = value; }

    /// <summary>Another name of <see cref="CertificateLocation"/>.</summary>
    string SslCertificateLocation { set => CertificateLocation = value; }

    /// <summary>Another name of <see cref="CertificatePem"/>.</summary>
    string SslCertificatePem { set => CertificatePem = value; }

    /// <summary>Another name of <see cref="CrlLocation"/>.</summary>
    string SslCrlLocation { set => CrlLocation = value; }

    /// <summary>Another name of <see cref="EnableCertificateVerification"/>.</summary>
    bool? EnableSslCertificateVerification { set => EnableCertificateVerification = value; }

    /// <summary>Another name of <see cref="EndpointIdentificationAlgorithm"/>.</summary>
    SslEndpointIdentificationAlgorithm? SslEndpointIdentificationAlgorithm { set => EndpointIdentificationAlgorithm = value; }
}

/// <summary>Logging in, in librdkafka's terms.</summary>
public interface IKafkaSaslConfigurator
{
    /// <summary>PLAIN, SCRAM, GSSAPI or OAUTHBEARER.</summary>
    SaslMechanism? Mechanism { set; }

    /// <summary>For PLAIN and SCRAM.</summary>
    string Username { set; }

    /// <summary>For PLAIN and SCRAM.</summary>
    string Password { set; }

    /// <summary>The same as <see cref="IKafkaFactoryConfigurator.SecurityProtocol"/>.</summary>
    SecurityProtocol? SecurityProtocol { set; }

    /// <summary>For OAUTHBEARER.</summary>
    string OauthbearerConfig { set; }

    /// <summary>For OAUTHBEARER, in tests.</summary>
    bool? EnableOauthbearerUnsecureJwt { set; }

    /// <summary>For GSSAPI.</summary>
    string KerberosServiceName { set; }

    /// <summary>For GSSAPI.</summary>
    string KerberosPrincipal { set; }

    /// <summary>For GSSAPI.</summary>
    string KerberosKinitCmd { set; }

    /// <summary>For GSSAPI.</summary>
    string KerberosKeytab { set; }

    /// <summary>For GSSAPI, in milliseconds.</summary>
    int? KerberosMinTimeBeforeRelogin { set; }
}
