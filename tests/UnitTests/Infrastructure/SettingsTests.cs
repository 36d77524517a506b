using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Kafka;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class SettingsTests
{
    private string folder = null!;

    [SetUp]
    public void SetUp() => folder = Directory.CreateTempSubdirectory("settings").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(folder, recursive: true);

    [Test]
    public void ATextIsTrimmed() => Assert.That(Of(("KEY", "  text ")).Text("KEY"), Is.EqualTo("text"));

    [TestCase(null)]
    [TestCase("")]
    [TestCase("  ")]
    public void AMissingTextIsNamed(string? text)
    {
        var settings = Of(("KEY", text));

        Assert.That(settings.Text("KEY"), Is.Empty);
        Assert.That(FaultsOf(settings), Is.EqualTo("KEY is missing."));
    }

    [Test]
    public void AFallbackStandsInForAMissingText()
    {
        var settings = Of();

        Assert.That(settings.Text("KEY", "fallback"), Is.EqualTo("fallback"));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public void ASecretIsReadFromItsKey()
    {
        var settings = Of(("KEY", "secret"));

        Assert.That(settings.Secret("KEY"), Is.EqualTo("secret"));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase("secret")]
    [TestCase("secret\n")]
    [TestCase("secret\r\n")]
    public void ASecretIsReadFromItsFileWithoutTheLineEnd(string content)
    {
        var settings = Of(("KEY_FILE", FileWith(content)));

        Assert.That(settings.Secret("KEY"), Is.EqualTo("secret"));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public void ASecretMayBeginAndEndWithSpacesInItsFile() =>
        Assert.That(Of(("KEY_FILE", FileWith(" secret \n"))).Secret("KEY"), Is.EqualTo(" secret "));

    [Test]
    public void ASecretInBothPlacesIsRefused()
    {
        var settings = Of(("KEY", "one"), ("KEY_FILE", FileWith("two")));

        settings.Secret("KEY");

        Assert.That(FaultsOf(settings), Does.Contain("KEY and KEY_FILE must not both be set"));
    }

    [Test]
    public void AMissingSecretIsNamed()
    {
        var settings = Of();

        settings.Secret("KEY");

        Assert.That(FaultsOf(settings), Is.EqualTo("KEY is missing."));
    }

    [Test]
    public void AFileThatIsNotThereIsNamed()
    {
        var path = Path.Combine(folder, "none");
        var settings = Of(("KEY_FILE", path));

        Assert.That(settings.Secret("KEY"), Is.Empty);
        Assert.That(FaultsOf(settings), Does.Contain("KEY_FILE").And.Contain(path));
    }

    [Test]
    public void AFolderInPlaceOfAFileIsNamed()
    {
        var settings = Of(("KEY_FILE", folder));

        Assert.That(settings.Secret("KEY"), Is.Empty);
        Assert.That(FaultsOf(settings), Does.Contain("KEY_FILE").And.Contain(folder));
    }

    [TestCase("1", 1)]
    [TestCase("5", 5)]
    [TestCase("10", 10)]
    public void ANumberWithinItsLimitsIsRead(string text, int expected)
    {
        var settings = Of(("KEY", text));

        Assert.That(settings.Number("KEY", 7, 1, 10), Is.EqualTo(expected));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase(" ")]
    public void AFallbackStandsInForAMissingNumber(string? text) => Assert.That(Of(("KEY", text)).Number("KEY", 7, 1, 10), Is.EqualTo(7));

    [TestCase("0")]
    [TestCase("11")]
    [TestCase("-1")]
    [TestCase("many")]
    [TestCase("1.5")]
    [TestCase("1,000")]
    [TestCase("0x5")]
    [TestCase("99999999999999999999")]
    public void ANumberOutsideItsLimitsIsToldWithThem(string text)
    {
        var settings = Of(("KEY", text));

        settings.Number("KEY", 7, 1, 10);

        Assert.That(FaultsOf(settings), Is.EqualTo($"KEY must be an integer from 1 to 10, not '{text}'."));
    }

    [Test]
    public void SecondsAreANumber()
    {
        var settings = Of(("KEY", "5"), ("WRONG", "61"));

        Assert.That(settings.Seconds("KEY", TimeSpan.FromMinutes(1), 1, 60), Is.EqualTo(TimeSpan.FromSeconds(5)));
        Assert.That(settings.Seconds("NONE", TimeSpan.FromMinutes(1), 1, 60), Is.EqualTo(TimeSpan.FromMinutes(1)));
        settings.Seconds("WRONG", TimeSpan.FromMinutes(1), 1, 60);
        Assert.That(FaultsOf(settings), Does.StartWith("WRONG "));
    }

    [Test]
    public void APortThatSomebodyListensOnIsNamed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var settings = Of(("KEY", $"{port}"));

        settings.FreePort("KEY", 1);

        Assert.That(FaultsOf(settings), Is.EqualTo($"KEY is {port}, but another process listens on that port."));
    }

    // What Kubernetes puts into the environment of every pod for a Service named redis, db, api or worker.
    [TestCase("tcp://10.0.0.1:6390", 6390)]
    [TestCase("tcp://[fd00::1]:6390", 6390)]
    [TestCase("6390", 6390)]
    [TestCase(null, 7)]
    public void APortIsANumberOrThatOfAServiceLink(string? text, int expected)
    {
        var settings = Of(("REDIS_PORT", text));

        Assert.That(settings.Port("REDIS_PORT", 7), Is.EqualTo(expected));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase("tcp://10.0.0.1")]
    [TestCase("http://10.0.0.1:80")]
    [TestCase("tcp://10.0.0.1:6379/0")]
    [TestCase("10.0.0.1:6379")]
    [TestCase("0")]
    public void AnotherTextIsNoPort(string text)
    {
        var settings = Of(("REDIS_PORT", text));

        settings.Port("REDIS_PORT", 7);

        Assert.That(FaultsOf(settings), Is.EqualTo($"REDIS_PORT must be an integer from 1 to 65535, not '{text}'."));
    }

    [TestCase("API_PORT", "api")]
    [TestCase("WORKER_PORT", "worker")]
    public void AServiceLinkIsNoPortToListenOn(string key, string service)
    {
        var settings = Of((key, "tcp://10.0.0.1:8000"));

        settings.FreePort(key, 1);

        Assert.That(FaultsOf(settings), Is.EqualTo(
            $"{key} is 'tcp://10.0.0.1:8000', which Kubernetes sets for a Service named {service}: set enableServiceLinks: false in the pod specification, or set {key} to a number."));
    }

    [TestCase("redis", "redis:6379")]
    [TestCase("localhost:6390", "localhost:6390")]
    [TestCase(" a , b:6390,my_redis ", "a:6379 b:6390 my_redis:6379")]
    [TestCase("10.0.0.1:6390", "10.0.0.1:6390")]
    [TestCase("[::1]:6390", "::1:6390")]
    [TestCase("[::1]", "::1:6379")]
    [TestCase("::1", "::1:6379")]
    public void ARedisHostMayNameItsPort(string text, string expected)
    {
        var settings = Of(("REDIS_HOST", text));

        Assert.That(string.Join(' ', settings.Endpoints("REDIS_HOST", 6379).Select(endpoint => $"{endpoint.Host}:{endpoint.Port}")), Is.EqualTo(expected));
        Assert.That(RedisOptions.Read(settings).Connection.EndPoints, Has.Count.EqualTo(expected.Split(' ').Length));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase("redis:", "redis:")]
    [TestCase("redis:0", "redis:0")]
    [TestCase("redis:65536", "redis:65536")]
    [TestCase("redis:http", "redis:http")]
    [TestCase(":6379", ":6379")]
    [TestCase("a,,b", "")]
    [TestCase("redis://localhost:6379", "redis://localhost:6379")]
    [TestCase("user@redis", "user@redis")]
    [TestCase("[redis]:6379", "[redis]:6379")]
    [TestCase("[::1]6379", "[::1]6379")]
    [TestCase("[::1", "[::1")]
    [TestCase("a b", "a b")]
    public void AnotherRedisHostIsNamed(string text, string fault)
    {
        var settings = Of(("REDIS_HOST", text));

        RedisOptions.Read(settings);

        Assert.That(FaultsOf(settings), Is.EqualTo($"REDIS_HOST must be a comma-separated list of host or host:port, not '{fault}'."));
    }

    [TestCase("true", true)]
    [TestCase("False", false)]
    [TestCase(null, true)]
    public void AFlagIsTrueOrFalse(string? text, bool expected)
    {
        var settings = Of(("KEY", text));

        Assert.That(settings.Flag("KEY", true), Is.EqualTo(expected));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase("yes")]
    [TestCase("1")]
    public void AnotherFlagIsNamed(string text)
    {
        var settings = Of(("KEY", text));

        settings.Flag("KEY", true);

        Assert.That(FaultsOf(settings), Is.EqualTo($"KEY must be true or false, not '{text}'."));
    }

    [TestCase("kafka:9092")]
    [TestCase("127.0.0.1:9092")]
    [TestCase("[::1]:9092")]
    [TestCase("a:9092,b:9093")]
    [TestCase("a:9092, b:9093 ")]
    [TestCase("a:1,b:65535")]
    [TestCase("PLAINTEXT://kafka:9092")]
    public void BrokersAreHostsWithPorts(string text)
    {
        var settings = Of(("KAFKA_BOOTSTRAP", text));

        Assert.That(KafkaOptions.Read(settings).Bootstrap, Is.EqualTo(text.Trim()));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [TestCase("kafka")]
    [TestCase("kafka:")]
    [TestCase(":9092")]
    [TestCase("kafka:0")]
    [TestCase("kafka:65536")]
    [TestCase("kafka:-1")]
    [TestCase("kafka:http")]
    [TestCase("kafka:9092/")]
    [TestCase("tcp://10.0.0.1:9092")]
    [TestCase("http://kafka:9092")]
    [TestCase("SSL://kafka:9092")]
    [TestCase("a:9092,b")]
    public void ABrokerInAnotherFormIsRefused(string text)
    {
        var settings = Of(("KAFKA_BOOTSTRAP", text));

        KafkaOptions.Read(settings);

        Assert.That(FaultsOf(settings), Does.StartWith("KAFKA_BOOTSTRAP must be a comma-separated list of host:port, not '"));
    }

    [TestCase(",")]
    [TestCase(" , ")]
    public void AListWithoutABrokerIsRefused(string text)
    {
        var settings = Of(("KAFKA_BOOTSTRAP", text));

        KafkaOptions.Read(settings);

        Assert.That(FaultsOf(settings), Does.StartWith("KAFKA_BOOTSTRAP "));
    }

    [Test]
    public void EveryMissingSettingIsNamedAtOnce()
    {
        var settings = Of();

        ReadAll(settings);

        var message = FaultsOf(settings);
        string[] keys = ["DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD", "REDIS_HOST", "KAFKA_BOOTSTRAP"];
        Assert.That(keys, Is.All.Matches<string>(key => message.Contains($"{key} is missing.")));
    }

    [Test]
    public void EveryWrongSettingIsNamedAtOnce()
    {
        string[] numbers =
        [
            "DB_PORT", "DB_POOL_SIZE", "REDIS_PORT", "KAFKA_PARTITIONS", "KAFKA_REPLICATION", "KAFKA_FETCH_WAIT_MS",
            "CACHE_TTL_SECONDS", "CACHE_NEGATIVE_TTL_SECONDS", "CACHE_TTL_JITTER_PERCENT",
        ];
        var settings = Of(
        [
            .. numbers.Select(key => (key, "-7")),
            ("KAFKA_CREATE_TOPICS", "perhaps"),
            ("DB_PASSWORD_FILE", Path.Combine(folder, "none")),
        ]);

        ReadAll(settings);

        var message = FaultsOf(settings);
        string[] keys = [.. numbers, "KAFKA_CREATE_TOPICS", "DB_PASSWORD_FILE"];
        Assert.That(keys, Is.All.Matches<string>(key => message.Contains(key)));
    }

    [Test]
    public void TheDefaultsAreValid()
    {
        var settings = Of(
            ("DB_HOST", "db"),
            ("DB_NAME", "products"),
            ("DB_USER", "user"),
            ("DB_PASSWORD", "secret"),
            ("REDIS_HOST", "redis"),
            ("KAFKA_BOOTSTRAP", "kafka:9092"));

        ReadAll(settings);

        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    private static void ReadAll(Settings settings)
    {
        PostgresOptions.Read(settings);
        RedisOptions.Read(settings);
        KafkaOptions.Read(settings);
        settings.ReadCacheLifetimes();
    }

    private static Settings Of(params (string Key, string? Value)[] values) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(value => value.Key, value => value.Value)).Build());

    private static string FaultsOf(Settings settings) => Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message;

    private string FileWith(string content)
    {
        var path = Path.Combine(folder, "secret");
        File.WriteAllText(path, content);
        return path;
    }
}
