using Confluent.Kafka;

namespace MassTransit;

/// <summary>How to connect to the brokers. These settings take precedence over the <see cref="ClientConfig"/> of <c>UsingKafka</c>.</summary>
public interface IKafkaHostConfigurator
{
    /// <summary>Encrypts connections with TLS, and sets the security protocol accordingly unless one is set.</summary>
    void UseSsl(Action<IKafkaSslConfigurator>? configure = null);

    /// <summary>
    /// Authenticates with SASL. With <see cref="UseSsl"/> the protocol is SASL_SSL unless another one is set. Without it a protocol must be set, so
    /// that no password is sent in plain text by mistake.
    /// </summary>
    void UseSasl(Action<IKafkaSaslConfigurator> configure);

    /// <summary>The interval at which cancellable calls check their token; Confluent's default is 100 ms.</summary>
    void CancellationDelay(TimeSpan delay);
}

/// <summary>The TLS settings, named as in librdkafka.</summary>
public interface IKafkaSslConfigurator
{
    /// <summary>Path of a file or folder with CA certificates; default: those of the system.</summary>
    string CaLocation { set; }

    /// <summary>CA certificates in PEM format.</summary>
    string CaPem { set; }

    /// <summary>Path of the client's certificate in PEM format.</summary>
    string CertificateLocation { set; }

    /// <summary>The client's certificate in PEM format.</summary>
    string CertificatePem { set; }

    /// <summary>Path of the client's private key in PEM format.</summary>
    string KeyLocation { set; }

    /// <summary>The client's private key in PEM format.</summary>
    string KeyPem { set; }

    /// <summary>The password of the client's private key.</summary>
    string KeyPassword { set; }

    /// <summary>Path of a PKCS#12 file with the client's certificate and key.</summary>
    string KeystoreLocation { set; }

    /// <summary>The password of the PKCS#12 file.</summary>
    string KeystorePassword { set; }

    /// <summary>Path of a certificate revocation list.</summary>
    string CrlLocation { set; }

    /// <summary>Cipher suites, in OpenSSL's syntax.</summary>
    string CipherSuites { set; }

    /// <summary>Elliptic curves, in OpenSSL's syntax.</summary>
    string CurvesList { set; }

    /// <summary>Signature algorithms, in OpenSSL's syntax.</summary>
    string SigalgsList { set; }

    /// <summary>Whether the broker's certificate is verified; default: true.</summary>
    bool? EnableCertificateVerification { set; }

    /// <summary>Whether the certificate must match the name of the broker's host; default: it must.</summary>
    SslEndpointIdentificationAlgorithm? EndpointIdentificationAlgorithm { set; }

    /// <summary>Certificate stores with CA certificates, separated by commas; on Windows only.</summary>
    string SslCaCertificateStores { set; }

    /// <summary>Path of an OpenSSL engine.</summary>
    string SslEngineLocation { set; }

    /// <summary>The id of the engine; OpenSSL's default is <c>dynamic</c>.</summary>
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

/// <summary>The SASL settings, named as in librdkafka.</summary>
public interface IKafkaSaslConfigurator
{
    /// <summary>PLAIN, SCRAM, GSSAPI or OAUTHBEARER.</summary>
    SaslMechanism? Mechanism { set; }

    /// <summary>The user name, for PLAIN and SCRAM.</summary>
    string Username { set; }

    /// <summary>The password, for PLAIN and SCRAM.</summary>
    string Password { set; }

    /// <summary>Equivalent to <see cref="IKafkaFactoryConfigurator.SecurityProtocol"/>.</summary>
    SecurityProtocol? SecurityProtocol { set; }

    /// <summary>The configuration of the token, for OAUTHBEARER.</summary>
    string OauthbearerConfig { set; }

    /// <summary>Allows unsecured tokens, for OAUTHBEARER in tests.</summary>
    bool? EnableOauthbearerUnsecureJwt { set; }

    /// <summary>The name of the brokers' principal, for GSSAPI.</summary>
    string KerberosServiceName { set; }

    /// <summary>The client's principal, for GSSAPI.</summary>
    string KerberosPrincipal { set; }

    /// <summary>The command that refreshes the ticket, for GSSAPI.</summary>
    string KerberosKinitCmd { set; }

    /// <summary>Path of the keytab, for GSSAPI.</summary>
    string KerberosKeytab { set; }

    /// <summary>The shortest interval between two refreshes of the ticket, for GSSAPI, in milliseconds.</summary>
    int? KerberosMinTimeBeforeRelogin { set; }
}
