using System.Diagnostics;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace ProductCache.RiderTests.Outages;

/// <summary>Librdkafka's mock cluster, which a test tells what to answer. Confluent's client has no words for that.</summary>
internal sealed partial class RefusingKafka : IDisposable
{
    private const int ProducerType = 0;
    private const short ProduceRequest = 0;
    private readonly int brokers;
    private readonly IntPtr client;
    private readonly IntPtr cluster;

    static RefusingKafka()
    {
        // Which of its builds fits the machine, Confluent's client has found out.
        _ = Library.Version;
        var path = Process.GetCurrentProcess().Modules.Cast<ProcessModule>().First(module => module.FileName.Contains("librdkafka", StringComparison.Ordinal)).FileName;
        NativeLibrary.SetDllImportResolver(typeof(RefusingKafka).Assembly, (name, _, _) => name == "librdkafka" ? NativeLibrary.Load(path) : IntPtr.Zero);
    }

    public RefusingKafka(int brokers = 1)
    {
        this.brokers = brokers;
        client = New(ProducerType, IntPtr.Zero, IntPtr.Zero, 0);
        cluster = NewCluster(client, brokers);
        Bootstrap = Marshal.PtrToStringUTF8(Bootstraps(cluster))!;
    }

    public string Bootstrap { get; }

    /// <summary>A partition on each broker: partition 0 on broker 1, and so on.</summary>
    public void CreateTopic(string topic)
    {
        CreateTopic(cluster, topic, partitions: brokers, replicas: 1);
        for (var partition = 0; partition < brokers; partition++)
        {
            SetLeader(cluster, topic, partition, partition + 1);
        }
    }

    /// <summary>From now on each answer of a broker takes so long.</summary>
    public void AnswerAfter(TimeSpan roundTrip, int broker = 1) => SetRoundTrip(cluster, broker, (int)roundTrip.TotalMilliseconds);

    /// <summary>Whichever broker gets it.</summary>
    public void RefuseNextProduce(ErrorCode why) => PushErrors(cluster, ProduceRequest, 1, [(int)why]);

    public void Dispose()
    {
        DestroyCluster(cluster);
        Destroy(client);
    }

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_new")]
    private static partial IntPtr New(int type, IntPtr configuration, IntPtr error, nuint errorSize);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_destroy")]
    private static partial void Destroy(IntPtr client);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_new")]
    private static partial IntPtr NewCluster(IntPtr client, int brokers);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_destroy")]
    private static partial void DestroyCluster(IntPtr cluster);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial IntPtr Bootstraps(IntPtr cluster);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateTopic(IntPtr cluster, string topic, int partitions, int replicas);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_partition_set_leader", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetLeader(IntPtr cluster, string topic, int partition, int broker);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_broker_set_rtt")]
    private static partial int SetRoundTrip(IntPtr cluster, int broker, int milliseconds);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_push_request_errors_array")]
    private static partial void PushErrors(IntPtr cluster, short request, nuint count, int[] errors);
}
