using System.Collections.Concurrent;
using System.Globalization;
using ProductCache.Standalone;

namespace ProductCache.TestSupport.Servers;

/// <summary>A server that tests talk to and, where it is theirs, may stop and start again at the same address.</summary>
public abstract class TestServer(string description) : IAsyncDisposable
{
    // Below those that Linux chooses, with room for the servers that listen on a second port some way further on.
    private const int FirstPort = 10_000;
    private const int LastPort = 20_000;
    private const int Lanes = 4;
    private const int LaneLength = (LastPort - FirstPort) / Lanes;

    /// <summary>From 0 to 3, for test processes that run at the same time: each takes its ports from a range of its own. Null: all of them.</summary>
    private static readonly int? Lane =
        int.TryParse(Environment.GetEnvironmentVariable("TEST_LANE"), NumberStyles.None, CultureInfo.InvariantCulture, out var lane) ? lane % Lanes : null;

    private static readonly ConcurrentDictionary<int, bool> PortsGiven = new();

    /// <summary>For the line that says what the tests run against.</summary>
    public string Description => description;

    public virtual bool CanStop => true;

    public abstract Task StopAsync();

    public abstract Task StartAsync();

    public virtual ValueTask DisposeAsync() => new(StopAsync());

    /// <summary>What to install or to unset, as a sentence, where a test cannot stop this server.</summary>
    protected virtual string HowToGetOneThatStops => $"{Description} cannot be stopped by a test: unset its TEST_ variable.";

    /// <summary>Ends the test as skipped, not as passed, where the server is not ours to stop.</summary>
    public void RequireStoppable()
    {
        if (!CanStop)
        {
            Assert.Ignore(HowToGetOneThatStops);
        }
    }

    /// <summary>
    /// Not one that the system would choose: connections of clients come from those, and one of them would have the port by
    /// the time its server starts, or starts again.
    /// </summary>
    /// <param name="further">How much further on a server listens too.</param>
    public static int FreePort(params IEnumerable<int> further)
    {
        while (true)
        {
            var port = Lane is { } own
                ? FirstPort + (own * LaneLength) + Random.Shared.Next(LaneLength)
                : Random.Shared.Next(FirstPort, LastPort);
            if (further.Prepend(0).All(distance => PortsGiven.TryAdd(port + distance, true) && Ports.IsFree(port + distance)))
            {
                return port;
            }
        }
    }
}

public abstract class PostgresServer(string description) : TestServer(description)
{
    /// <summary>What tests of logical replication and of two-phase commit need of a server that is started for tests.</summary>
    protected static readonly string[] Settings = ["wal_level=logical", "max_prepared_transactions=10"];

    /// <summary>Of a user who may create databases.</summary>
    public abstract string ConnectionString { get; }
}

public abstract class RedisServer(string description) : TestServer(description)
{
    public abstract int Port { get; }

    public virtual string Host => "127.0.0.1";
}

public abstract class KafkaServer(string description) : TestServer(description)
{
    /// <summary>Without a broker, a skipped test says this. Neither Debian nor NuGet has a package with one.</summary>
    public const string HowToGetOne =
        $"This test needs a real Kafka broker: set KAFKA_HOME to an unpacked Apache Kafka 4.1.1 and install Java 17, or run Docker with the image {Images.Kafka}.";

    public abstract string Bootstrap { get; }

    /// <summary>Whether it is librdkafka's mock cluster.</summary>
    public virtual bool IsMock => false;

    protected override string HowToGetOneThatStops => IsMock ? HowToGetOne : base.HowToGetOneThatStops;

    /// <summary>What clients have to set beside the address.</summary>
    public virtual IReadOnlyDictionary<string, string> ClientSettings { get; } = new Dictionary<string, string>();

    /// <summary>Ends the test as skipped, not as passed, where only a part of Kafka is there.</summary>
    public void RequireReal()
    {
        if (IsMock)
        {
            Assert.Ignore(HowToGetOne);
        }
    }

    /// <summary>Ends it without any goodbye, where it can be stopped at all.</summary>
    public virtual Task KillAsync() => throw new NotSupportedException();

    /// <summary>Freezes it, where it can be stopped at all: connections stay open, nothing answers.</summary>
    public virtual Task PauseAsync() => throw new NotSupportedException();

    public virtual Task ResumeAsync() => throw new NotSupportedException();
}
