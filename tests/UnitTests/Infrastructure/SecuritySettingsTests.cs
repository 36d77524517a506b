using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.UnitTests.Infrastructure;

/// <summary>Settings of TLS, logins and sharing that contradict each other are named at start, all at once.</summary>
public sealed class SecuritySettingsTests
{
    private TestCertificates certificates = null!;

    [OneTimeSetUp]
    public void SetUp() => certificates = new TestCertificates();

    [OneTimeTearDown]
    public void TearDown() => certificates.Dispose();

    [TestCase("DB_SSL_MODE=full", "DB_SSL_MODE must be prefer or disable or require or verify-ca or verify-full, not 'full'.")]
    [TestCase("DB_SSL_MODE=disable DB_SSL_CA_FILE=ca", "DB_SSL_CA_FILE, DB_SSL_CERT_FILE and DB_SSL_KEY_FILE have no effect while DB_SSL_MODE is disable.")]
    [TestCase("DB_SSL_MODE=require DB_SSL_CA_FILE=ca", "DB_SSL_CA_FILE needs DB_SSL_MODE verify-ca or verify-full: require does not verify the server.")]
    [TestCase("DB_SSL_MODE=verify-full DB_SSL_CA_FILE=/nowhere", "DB_SSL_CA_FILE must name a readable file with CA certificates in PEM: /nowhere.")]
    [TestCase("DB_SSL_MODE=verify-full DB_SSL_CERT_FILE=ca", "DB_SSL_CERT_FILE and DB_SSL_KEY_FILE must be set together: DB_SSL_KEY_FILE is missing.")]
    [TestCase("DB_SSL_MODE=verify-full DB_SSL_CERT_FILE=ca DB_SSL_KEY_FILE=ca", "DB_SSL_CERT_FILE and DB_SSL_KEY_FILE must name a readable certificate and its key, in PEM: ca, ca.")]
    [TestCase("DB_CONNECTION_STRING=Host=a;Database=b;Username=c", "DB_HOST and DB_CONNECTION_STRING must not both be set. DB_NAME and DB_CONNECTION_STRING must not both be set. DB_USER and DB_CONNECTION_STRING must not both be set. DB_PASSWORD and DB_CONNECTION_STRING must not both be set.")]
    [TestCase("DB_HOST= DB_NAME= DB_USER= DB_PASSWORD= DB_CONNECTION_STRING=Host=a", "DB_CONNECTION_STRING must name Host, Database and Username.")]
    [TestCase("DB_HOST= DB_NAME= DB_USER= DB_PASSWORD= DB_CONNECTION_STRING=Password", "DB_CONNECTION_STRING must be a connection string of Npgsql: Host=…;Database=…;Username=…;Password=….")]
    [TestCase("DB_HOST=a,b:x", "DB_HOST must be a comma-separated list of host or host:port, not 'b:x'.")]
    [TestCase("DB_SCHEMA=Shop", "DB_SCHEMA must be 1 to 63 of a-z, 0-9 and _, must not begin with a digit or with pg_, not 'Shop'.")]
    [TestCase("DB_SCHEMA=pg_shop", "DB_SCHEMA must be 1 to 63 of a-z, 0-9 and _, must not begin with a digit or with pg_, not 'pg_shop'.")]
    [TestCase("DB_SCHEMA=a;drop", "DB_SCHEMA must be 1 to 63 of a-z, 0-9 and _, must not begin with a digit or with pg_, not 'a;drop'.")]
    [TestCase("DB_MIGRATE=no", "DB_MIGRATE must be on or off, not 'no'.")]
    public void OfPostgres(string settings, string fault) => Assert.That(
        FaultsOf(PostgresOptions.Read, $"DB_HOST=db DB_NAME=products DB_USER=shop DB_PASSWORD=secret {settings}"), Is.EqualTo(fault));

    [TestCase("REDIS_CA_FILE=ca", "REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE have no effect while REDIS_TLS is false.")]
    [TestCase("REDIS_TLS=yes", "REDIS_TLS must be true or false, not 'yes'.")]
    [TestCase("REDIS_USER=shop", "REDIS_USER needs REDIS_PASSWORD or REDIS_PASSWORD_FILE.")]
    [TestCase("REDIS_DATABASE=-1", "REDIS_DATABASE must be an integer from 0 to 1000000, not '-1'.")]
    [TestCase("REDIS_SENTINEL_PASSWORD=x", "REDIS_SENTINEL_USER and REDIS_SENTINEL_PASSWORD have no effect without REDIS_SENTINEL_SERVICE.")]
    [TestCase("CACHE_NAMESPACE=shop/eu", "CACHE_NAMESPACE must be 1 to 50 of A-Z, a-z, 0-9, _ and -, not 'shop/eu'.")]
    [TestCase("CACHE_NAMESPACE=a.b", "CACHE_NAMESPACE must be 1 to 50 of A-Z, a-z, 0-9, _ and -, not 'a.b'.")]
    [TestCase("CACHE_NAMESPACE=a:b", "CACHE_NAMESPACE must be 1 to 50 of A-Z, a-z, 0-9, _ and -, not 'a:b'.")]
    public void OfRedis(string settings, string fault) => Assert.That(FaultsOf(RedisOptions.Read, $"REDIS_HOST=redis {settings}"), Is.EqualTo(fault));

    [TestCase("KAFKA_SECURITY_PROTOCOL=TLS", "KAFKA_SECURITY_PROTOCOL must be PLAINTEXT or SSL or SASL_PLAINTEXT or SASL_SSL, not 'TLS'.")]
    [TestCase("KAFKA_CA_FILE=ca", "KAFKA_CA_FILE, KAFKA_CERT_FILE and KAFKA_KEY_FILE have no effect unless KAFKA_SECURITY_PROTOCOL is SSL or SASL_SSL.")]
    [TestCase("KAFKA_SECURITY_PROTOCOL=SSL KAFKA_SASL_PASSWORD=x", "KAFKA_SASL_PASSWORD has no effect unless KAFKA_SECURITY_PROTOCOL is SASL_SSL or SASL_PLAINTEXT.")]
    [TestCase("KAFKA_SECURITY_PROTOCOL=SASL_SSL KAFKA_SASL_PASSWORD=x", "KAFKA_SASL_MECHANISM is missing. KAFKA_SASL_USER is missing.")]
    [TestCase("KAFKA_SECURITY_PROTOCOL=SASL_SSL KAFKA_SASL_MECHANISM=GSSAPI KAFKA_SASL_USER=a KAFKA_SASL_PASSWORD=x", "KAFKA_SASL_MECHANISM must be PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512 or OAUTHBEARER, not 'GSSAPI'.")]
    [TestCase("KAFKA_SECURITY_PROTOCOL=SASL_SSL KAFKA_SASL_MECHANISM=OAUTHBEARER KAFKA_SASL_USER=a KAFKA_SASL_PASSWORD=x", "KAFKA_OAUTH_TOKEN_URL is missing.")]
    [TestCase("KAFKA_SECURITY_PROTOCOL=SASL_SSL KAFKA_SASL_MECHANISM=PLAIN KAFKA_SASL_USER=a KAFKA_SASL_PASSWORD=x KAFKA_OAUTH_SCOPE=x", "KAFKA_OAUTH_SCOPE has no effect unless KAFKA_SASL_MECHANISM is OAUTHBEARER.")]
    public void OfKafka(string settings, string fault) => Assert.That(FaultsOf(KafkaOptions.Read, $"KAFKA_BOOTSTRAP=kafka:9092 {settings}"), Is.EqualTo(fault));

    [TestCase("MANAGEMENT_ADDRESS=127.0.0.1", false, "MANAGEMENT_ADDRESS has no effect without MANAGEMENT_PORT.")]
    [TestCase("MANAGEMENT_PORT=8098 MANAGEMENT_ADDRESS=localhost", false, "MANAGEMENT_ADDRESS must be an IP address of this machine, not 'localhost'.")]
    [TestCase("API_PORT=8098 MANAGEMENT_PORT=8098", false, "MANAGEMENT_PORT and API_PORT must not be the same port.")]
    [TestCase("API_PORT=8098 MANAGEMENT_PORT=8097", true, "API_PORT and MANAGEMENT_PORT must not both be set: the Worker has one port.")]
    public void OfThePorts(string settings, bool isForOperators, string fault) =>
        Assert.That(FaultsOf(read => Listeners.Read(read, "API_PORT", 8099, isForOperators), settings), Is.EqualTo(fault));

    [Test]
    public void FaultsOfAllServersAreNamedTogether()
    {
        var settings = Settings("DB_HOST=db DB_NAME=products DB_USER=shop DB_PASSWORD=x DB_SCHEMA=1 REDIS_HOST=redis REDIS_TLS=1 KAFKA_BOOTSTRAP=kafka:9092 KAFKA_CA_FILE=ca CACHE_NAMESPACE=a.b");
        PostgresOptions.Read(settings);
        RedisOptions.Read(settings);
        KafkaOptions.Read(settings);

        var fault = Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message;

        Assert.That(fault, Does.Contain("DB_SCHEMA").And.Contain("REDIS_TLS").And.Contain("KAFKA_CA_FILE"));
        Assert.That(fault.Split("CACHE_NAMESPACE must be"), Has.Length.EqualTo(2));
    }

    [Test]
    public void NamesHaveThePrefixOfTheNamespace()
    {
        var settings = Settings("REDIS_HOST=redis REDIS_DATABASE=3 KAFKA_BOOTSTRAP=kafka:9092 CACHE_NAMESPACE=shop");

        Assert.That(RedisOptions.Read(settings).Names, Is.EqualTo(new RedisNames("shop:", StackExchange.Redis.RedisChannel.Literal("shop:product-cache:notifications@3"))));
        Assert.That(KafkaOptions.Read(settings).AllTopics, Has.All.StartsWith("shop.product-"));
        Assert.That(KafkaOptions.Read(settings).Group, Is.EqualTo("shop.product-cache-worker"));
    }

    [Test]
    public void WithoutANamespaceNamesAreThoseOfTheContracts()
    {
        var settings = Settings("REDIS_HOST=redis KAFKA_BOOTSTRAP=kafka:9092");

        Assert.That(RedisOptions.Read(settings).Names, Is.EqualTo(RedisNames.Default));
        Assert.That(KafkaOptions.Read(settings).AllTopics, Is.EqualTo(ProductCache.Contracts.Topics.All));
    }

    private string FaultsOf<T>(Func<Settings, T> read, string text)
    {
        var settings = Settings(text);
        read(settings);
        return Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message.Replace(certificates.AuthorityFile, "ca", StringComparison.Ordinal);
    }

    // Later values stand for earlier ones; "ca" is a file with a certificate.
    private Settings Settings(string text) => TestSettings.Of(
        text.Split(' ').Select(pair => pair.Split('=', 2)).GroupBy(pair => pair[0])
            .Select(group => (group.Key, group.Last()[1] == "ca" ? certificates.AuthorityFile : group.Last()[1])));
}
