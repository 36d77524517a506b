using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration;
using NSubstitute;

namespace ProductCache.UnitTests.KafkaRider;

/// <summary>What is said of the brokers, in the settings that the clients get.</summary>
public sealed class HostConfigurationTests
{
    private ClientConfig config = null!;
    private KafkaRiderSpecification rider = null!;

    [SetUp]
    public void SetUp()
    {
        config = new ClientConfig();
        rider = new KafkaRiderSpecification(Substitute.For<IRiderRegistrationContext>(), config, new DeferredRider());
    }

    [Test]
    public void EncryptionAndALoginAreSaslSsl()
    {
        rider.ClientId = "me";
        rider.Host("a:1, b:2", host =>
        {
            host.UseSsl(ssl =>
            {
                ssl.CaLocation = "/ca.pem";
                ssl.CertificatePem = "certificate";
                ssl.KeyPem = "key";
            });
            host.UseSasl(sasl =>
            {
                sasl.Mechanism = SaslMechanism.ScramSha512;
                sasl.Username = "user";
                sasl.Password = "password";
            });
        });

        Assert.That(Faults(), Is.Empty);
        Assert.That(config.ToDictionary(setting => setting.Key, setting => setting.Value), Is.EquivalentTo(new Dictionary<string, string>
        {
            ["client.id"] = "me",
            ["bootstrap.servers"] = "a:1,b:2",
            ["ssl.ca.location"] = "/ca.pem",
            ["ssl.certificate.pem"] = "certificate",
            ["ssl.key.pem"] = "key",
            ["sasl.mechanism"] = "SCRAM-SHA-512",
            ["sasl.username"] = "user",
            ["sasl.password"] = "password",
            ["security.protocol"] = "sasl_ssl",
        }));
    }

    [Test]
    public void EncryptionAloneIsSsl()
    {
        rider.Host("a:1", host => host.UseSsl());

        Assert.That(Faults(), Is.Empty);
        Assert.That(config.SecurityProtocol, Is.EqualTo(SecurityProtocol.Ssl));
    }

    [Test]
    public void ALoginInTheClearMustBeMeant()
    {
        rider.Host("a:1", host => host.UseSasl(sasl => sasl.Mechanism = SaslMechanism.Plain));
        Assert.That(Faults(), Has.One.Contains("UseSasl without UseSsl needs a SecurityProtocol"));

        rider.SecurityProtocol = SecurityProtocol.SaslPlaintext;
        Assert.That(Faults(), Is.Empty);
    }

    [TestCase(SecurityProtocol.Plaintext, "UseSsl contradicts")]
    [TestCase(SecurityProtocol.SaslPlaintext, "UseSsl contradicts")]
    [TestCase(SecurityProtocol.Ssl, "UseSasl contradicts")]
    public void AProtocolThatLeavesOutWhatWasAskedForIsRefused(SecurityProtocol protocol, string sentence)
    {
        rider.SecurityProtocol = protocol;
        rider.Host("a:1", host =>
        {
            host.UseSsl();
            host.UseSasl(sasl => sasl.Mechanism = SaslMechanism.Plain);
        });

        Assert.That(Faults(), Has.One.Contains(sentence));
    }

    [Test]
    public void WhatIsSaidOfConnectionsIsSaidToAllClients()
    {
        rider.StatisticsInterval = TimeSpan.FromSeconds(1);
        rider.BrokerAddressFamily = BrokerAddressFamily.V4;
        rider.ConfigureSocket(socket =>
        {
            socket.Timeout = TimeSpan.FromSeconds(20);
            socket.KeepaliveEnable = true;
        });
        rider.ConfigureApi(api => api.BrokerVersionFallback = "2.0.0");
        rider.Host("a:1", host =>
        {
            host.CancellationDelay(TimeSpan.FromMilliseconds(50));
            host.UseSsl(ssl =>
            {
                ssl.SslCaLocation = "/ca.pem";
                ssl.EnableSslCertificateVerification = true;
            });
        });

        Assert.That(Faults(), Is.Empty);
        Assert.That(config.ToDictionary(setting => setting.Key, setting => setting.Value), Is.EquivalentTo(new Dictionary<string, string>
        {
            ["bootstrap.servers"] = "a:1",
            ["statistics.interval.ms"] = "1000",
            ["broker.address.family"] = "v4",
            ["socket.timeout.ms"] = "20000",
            ["socket.keepalive.enable"] = "True",
            ["broker.version.fallback"] = "2.0.0",
            ["dotnet.cancellation.delay.max.ms"] = "50",
            ["ssl.ca.location"] = "/ca.pem",
            ["enable.ssl.certificate.verification"] = "True",
            ["security.protocol"] = "ssl",
        }));
    }

    [Test]
    public void AQueueOfLogEntriesThatIsNotReadIsRefused()
    {
        rider.Host("a:1");
        rider.LogQueue = true;

        Assert.That(Faults(), Has.One.Contains("the rider does not read the queue"));
    }

    [Test]
    public void BrokersAreNamedOnce()
    {
        rider.Host("a:1");
        rider.Host("b:1");

        Assert.That(Faults(), Has.One.Contains("may be called only once"));
    }

    private List<string> Faults() => [.. rider.Validate().Select(result => result.Message)];
}
