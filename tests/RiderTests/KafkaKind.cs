using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

/// <summary>
/// What a test runs on: each on a broker and on librdkafka's mock cluster, so that without a broker there is nothing that was not tried. The
/// mock speaks the protocol of clients, and is no broker behind it. What it cannot show: topics that are created by request or have fewer than
/// four partitions, the largest record a broker takes, transactions, logins and encryption, what is kept across a restart, and how long any of it takes.
/// </summary>
public enum KafkaKind
{
    Broker,
    Mock,
}

internal static class KafkaKinds
{
    /// <summary>Ends the test as skipped where there is no broker.</summary>
    public static async Task<KafkaServer> StartAsync(this KafkaKind kind)
    {
        if (kind == KafkaKind.Mock)
        {
            return await SharedServers.MockKafka;
        }

        var kafka = await SharedServers.Kafka;
        kafka.RequireReal();
        return kafka;
    }

    /// <summary>Ends the test as skipped where the mock cluster lacks what it needs.</summary>
    public static void RequireBroker(this KafkaKind kind, string why)
    {
        if (kind == KafkaKind.Mock)
        {
            Assert.Ignore($"The mock cluster {why}.");
        }
    }
}
