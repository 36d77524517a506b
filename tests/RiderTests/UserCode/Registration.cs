using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace ProductCache.RiderTests.UserCode;

/// <summary>
/// What an application writes that is made for the package MassTransit.Kafka, from its documentation: it has to compile here unchanged, so
/// nothing of it knows the rider's own additions.
/// </summary>
internal static class Registration
{
    public static void AddProducers(this IRiderRegistrationConfigurator rider, Func<Type, string> topicOf)
    {
        var config = new ProducerConfig { LingerMs = 0, CompressionType = CompressionType.Lz4 };

        rider.AddProducer<Note<Form.Plain>>(topicOf(typeof(Note<Form.Plain>)));
        rider.AddProducer<Note<Form.Configured>>(topicOf(typeof(Note<Form.Configured>)), (_, p) =>
            p.SetValueSerializer(new AsyncMarkedJson<Note<Form.Configured>>()));
        rider.AddProducer<Note<Form.WithConfig>>(topicOf(typeof(Note<Form.WithConfig>)), config);
        rider.AddProducer<Note<Form.WithConfigConfigured>>(topicOf(typeof(Note<Form.WithConfigConfigured>)), config, (_, p) =>
            p.SetValueSerializer(new MarkedJson<Note<Form.WithConfigConfigured>>()));

        rider.AddProducer<string, Parcel<Form.Plain>>(topicOf(typeof(Parcel<Form.Plain>)));
        rider.AddProducer<string, Parcel<Form.Configured>>(topicOf(typeof(Parcel<Form.Configured>)), (_, p) =>
        {
            p.SetKeySerializer(new MarkedJson<string>());
            p.SetValueSerializer(new MarkedJson<Parcel<Form.Configured>>());
            p.SetHeadersSerializer(new TwoHeaders());
            p.SetAll();
        });
        rider.AddProducer<string, Parcel<Form.WithConfig>>(topicOf(typeof(Parcel<Form.WithConfig>)), config);
        rider.AddProducer<string, Parcel<Form.WithConfigConfigured>>(topicOf(typeof(Parcel<Form.WithConfigConfigured>)), config, (_, p) =>
            p.SetKeySerializer(new AsyncMarkedJson<string>()));

        rider.AddProducer<string, Bill<Form.Plain>>(topicOf(typeof(Bill<Form.Plain>)), context => context.Message.Text);
        rider.AddProducer<string, Bill<Form.Configured>>(topicOf(typeof(Bill<Form.Configured>)), context => context.Message.Text, (_, p) =>
            p.SetKeySerializer(new MarkedJson<string>()));
        rider.AddProducer<string, Bill<Form.WithConfig>>(topicOf(typeof(Bill<Form.WithConfig>)), config, context => context.Message.Text);
        rider.AddProducer<string, Bill<Form.WithConfigConfigured>>(
            topicOf(typeof(Bill<Form.WithConfigConfigured>)), config, context => context.Message.Text, (_, p) => p.Linger = TimeSpan.FromMilliseconds(1));
    }

    public static void FilterTenants(this IKafkaFactoryConfigurator k, IRiderRegistrationContext context)
    {
        k.UseSendFilter(typeof(TenantFilter<>), context);
        k.ConfigureSend(pipe => pipe.UseExecute(send => send.Headers.Set("kind", "of the shop")));
    }

    public static void SetAll(this IKafkaProducerConfigurator p)
    {
        p.BatchNumMessages = 100;
        p.CompressionType = CompressionType.Gzip;
        p.CompressionLevel = 3;
        p.QueueBufferingBackpressureThreshold = 1;
        p.QueueBufferingMaxKbytes = 10_000;
        p.QueueBufferingMaxMessages = 10_000;
        p.RetryBackoff = TimeSpan.FromMilliseconds(50);
        p.MessageSendMaxRetries = 10;
        p.Linger = TimeSpan.FromMilliseconds(1);
        p.EnableIdempotence = true;
        p.EnableGaplessGuarantee = false;
        p.Partitioner = Partitioner.ConsistentRandom;
        p.MessageTimeout = TimeSpan.FromSeconds(10);
        p.RequestTimeout = TimeSpan.FromSeconds(5);
        p.EnableDeliveryReports = true;
        p.EnableBackgroundPoll = true;
        p.DeliveryReportFields = "status";
        p.TransactionTimeout = TimeSpan.FromSeconds(20);
        p.SetStatisticsHandler(_ => { });
    }

    public static void SetAll<TValue>(this IKafkaTopicReceiveEndpointConfigurator<string, TValue> e, Action<CommittedOffsets> committed, Action<string> statistics)
        where TValue : class
    {
        e.AutoOffsetReset = AutoOffsetReset.Latest;
        e.Offset = Offset.Beginning;
        e.CheckpointInterval = TimeSpan.FromMilliseconds(500);
        e.CheckpointMessageCount = 10;
        e.MessageLimit = 100;
        e.ConcurrentMessageLimit = 4;
        e.PrefetchCount = 50;
        e.ConcurrentConsumerLimit = 1;
        e.ConcurrentDeliveryLimit = 1;
        e.GroupInstanceId = "only";
        e.PartitionAssignmentStrategy = PartitionAssignmentStrategy.RoundRobin;
        e.SessionTimeout = TimeSpan.FromSeconds(10);
        e.HeartbeatInterval = TimeSpan.FromSeconds(1);
        e.MaxPollInterval = TimeSpan.FromMinutes(1);
        e.CoordinatorQueryInterval = TimeSpan.FromMinutes(1);
        e.GroupProtocolType = "consumer";
        e.QueuedMinMessages = 1_000;
        e.QueuedMaxMessagesKbytes = 1_000;
        e.CheckCrcs = true;
        e.EnableAutoOffsetStore = false;
        e.EnablePartitionEof = false;
        e.ConfigureFetch(fetch =>
        {
            fetch.WaitMaxInterval = TimeSpan.FromMilliseconds(5);
            fetch.MaxPartitionBytes = 100_000;
            fetch.MaxBytes = 1_000_000;
            fetch.MinBytes = 1;
            fetch.ErrorBackoffInterval = TimeSpan.FromMilliseconds(100);
        });
        e.UseIsolationLevel(IsolationLevel.ReadCommitted);
        e.SetHeadersDeserializer(new TwoHeaders());
        e.SetKeyDeserializer(new MarkedJson<string>());
        e.SetValueDeserializer(new MarkedJson<TValue>());
        e.SetOffsetsCommittedHandler(committed);
        e.SetStatisticsHandler(statistics);
        e.CreateIfMissing(options =>
        {
            options.NumPartitions = 2;
            options.ReplicationFactor = 1;
        });
    }

    public static void HostWithLogin(this IKafkaFactoryConfigurator k)
    {
        k.SecurityProtocol = SecurityProtocol.SaslSsl;
        k.ClientId = "shop";
        k.ClientRack = "rack-1";
        k.Acks = Acks.All;
        k.SetAll();
        k.Host(["broker-1:9093", "broker-2:9093"], host =>
        {
            host.CancellationDelay(TimeSpan.FromMilliseconds(50));
            host.UseSsl(ssl =>
            {
                ssl.CaLocation = "/etc/ca.pem";
                ssl.CertificateLocation = "/etc/client.pem";
                ssl.KeyLocation = "/etc/client.key";
                ssl.KeyPassword = "password";
                ssl.EnableCertificateVerification = true;
                ssl.EndpointIdentificationAlgorithm = SslEndpointIdentificationAlgorithm.Https;
            });
            host.UseSasl(sasl =>
            {
                sasl.Mechanism = SaslMechanism.ScramSha512;
                sasl.SecurityProtocol = SecurityProtocol.SaslSsl;
                sasl.Username = "user";
                sasl.Password = "password";
            });
        });
    }

    public static void SetAll(this IKafkaFactoryConfigurator k)
    {
        k.MessageMaxBytes = 2_000_000;
        k.MessageCopyMaxBytes = 10_000;
        k.ReceiveMessageMaxBytes = 200_000_000;
        k.MaxInFlight = 5;
        k.TopicMetadataRefreshInterval = TimeSpan.FromSeconds(5);
        k.TopicMetadataRefreshFastInterval = TimeSpan.FromMilliseconds(50);
        k.TopicMetadataRefreshSparse = false;
        k.MetadataMaxAge = TimeSpan.FromMinutes(1);
        k.TopicBlacklist = "^private-";
        k.Debug = "broker";
        k.BrokerAddressTtl = 2_000;
        k.BrokerAddressFamily = BrokerAddressFamily.V4;
        k.ReconnectBackoff = TimeSpan.FromMilliseconds(50);
        k.ReconnectBackoffMax = TimeSpan.FromSeconds(1);
        k.StatisticsInterval = TimeSpan.FromSeconds(1);
        k.LogQueue = false;
        k.LogThreadName = false;
        k.LogConnectionClose = false;
        k.InternalTerminationSignal = 29;
        k.PluginLibraryPaths = "monitoring";
        k.ConfigureSocket(socket =>
        {
            socket.Timeout = TimeSpan.FromSeconds(20);
            socket.SendBufferBytes = 100_000;
            socket.ReceiveBufferBytes = 200_000;
            socket.KeepaliveEnable = true;
            socket.NagleDisable = false;
            socket.MaxFails = 3;
        });
        k.ConfigureApi(api =>
        {
            api.Request = true;
            api.RequestTimeout = TimeSpan.FromSeconds(2);
            api.FallbackTimeout = TimeSpan.FromSeconds(3);
            api.BrokerVersionFallback = "2.0.0";
        });
    }

    public static void AddShipments(this IRiderRegistrationConfigurator rider) =>
        rider.AddSagaStateMachine<ShipmentStateMachine, Shipment>().InMemoryRepository();

    public static void ConsumeShipments(
        this IKafkaFactoryConfigurator k, IRiderRegistrationContext context, string ordered, string delivered, ConsumerConfig config)
    {
        k.TopicEndpoint<ShipmentOrdered>(ordered, config, e =>
        {
            e.UseMessageRetry(retry => retry.Interval(3, TimeSpan.FromMilliseconds(100)));
            e.UseInMemoryOutbox(context);
            e.ConfigureSaga<Shipment>(context);
        });
        k.TopicEndpoint<ShipmentDelivered>(delivered, config, e =>
        {
            // It may come before the shipment is known.
            e.UseMessageRetry(retry => retry.Interval(100, TimeSpan.FromMilliseconds(100)));
            e.UseInMemoryOutbox(context);
            e.ConfigureSaga<Shipment>(context);
        });
    }

    public static void AddSecondBus(this IServiceCollection services, string bootstrap, string topic, ConsumerConfig config) =>
        services.AddMassTransit<ISecondBus>(x =>
        {
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddConsumer<RecordingConsumer<Parcel<ISecondBus>>>();
                rider.AddProducer<string, Parcel<ISecondBus>>(topic);
                rider.UsingKafka(new ClientConfig { BootstrapServers = bootstrap }, (context, k) =>
                    k.TopicEndpoint<string, Parcel<ISecondBus>>(topic, config, e => e.ConfigureConsumer<RecordingConsumer<Parcel<ISecondBus>>>(context)));
            });
        });
}
