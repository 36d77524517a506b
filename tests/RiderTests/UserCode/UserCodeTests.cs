using System.Text;
using Confluent.Kafka;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests.UserCode;

/// <summary>That the code beside this one not only compiles but does what it says.</summary>
[TestFixture(KafkaKind.Broker)]
[TestFixture(KafkaKind.Mock)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UserCodeTests(KafkaKind kind)
{
    private static readonly string[] Produced = ["message", "message, pipe", "values", "values, pipe"];

    private KafkaServer kafka = null!;
    private ServiceProvider? services;

    [SetUp]
    public async Task StartKafkaAsync() => kafka = await kind.StartAsync();

    [TearDown]
    public async Task StopAsync()
    {
        if (services is not null)
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await services.GetRequiredService<IBusControl>().StopAsync(timeout.Token);
            await services.DisposeAsync();
        }
    }

    [Test]
    public async Task WhateverAProducerIsAddedWithAndHoweverItIsCalledTheRecordArrives()
    {
        Type[] types =
        [
            typeof(Note<Form.Plain>), typeof(Note<Form.Configured>), typeof(Note<Form.WithConfig>), typeof(Note<Form.WithConfigConfigured>),
            typeof(Parcel<Form.Plain>), typeof(Parcel<Form.Configured>), typeof(Parcel<Form.WithConfig>), typeof(Parcel<Form.WithConfigConfigured>),
            typeof(Bill<Form.Plain>), typeof(Bill<Form.Configured>), typeof(Bill<Form.WithConfig>), typeof(Bill<Form.WithConfigConfigured>),
        ];
        var created = await Task.WhenAll(types.Select(_ => TestTopics.CreateAsync(kafka)));
        var topics = types.Zip(created).ToDictionary();
        await StartAsync(rider => rider.AddProducers(type => topics[type]), (context, k) => k.FilterTenants(context));

        await using (var scope = services!.CreateAsyncScope())
        {
            scope.ServiceProvider.GetRequiredService<Tenant>().Name = "acme";
            await Task.WhenAll(
                Shop.NotesAsync(Producer<Note<Form.Plain>>(), text => new Note<Form.Plain> { Text = text }),
                Shop.NotesAsync(Producer<Note<Form.Configured>>(), text => new Note<Form.Configured> { Text = text }),
                Shop.NotesAsync(Producer<Note<Form.WithConfig>>(), text => new Note<Form.WithConfig> { Text = text }),
                Shop.NotesAsync(Producer<Note<Form.WithConfigConfigured>>(), text => new Note<Form.WithConfigConfigured> { Text = text }),
                Shop.ParcelsAsync(KeyedProducer<Parcel<Form.Plain>>(), text => new Parcel<Form.Plain> { Text = text }),
                Shop.ParcelsAsync(KeyedProducer<Parcel<Form.Configured>>(), text => new Parcel<Form.Configured> { Text = text }),
                Shop.ParcelsAsync(KeyedProducer<Parcel<Form.WithConfig>>(), text => new Parcel<Form.WithConfig> { Text = text }),
                Shop.ParcelsAsync(KeyedProducer<Parcel<Form.WithConfigConfigured>>(), text => new Parcel<Form.WithConfigConfigured> { Text = text }),
                Shop.NotesAsync(Producer<Bill<Form.Plain>>(), text => new Bill<Form.Plain> { Text = text }),
                Shop.NotesAsync(Producer<Bill<Form.Configured>>(), text => new Bill<Form.Configured> { Text = text }),
                Shop.NotesAsync(Producer<Bill<Form.WithConfig>>(), text => new Bill<Form.WithConfig> { Text = text }),
                Shop.ParcelsAsync(KeyedProducer<Bill<Form.WithConfigConfigured>>(), text => new Bill<Form.WithConfigConfigured> { Text = text }));

            ITopicProducer<T> Producer<T>()
                where T : class => scope.ServiceProvider.GetRequiredService<ITopicProducer<T>>();
            ITopicProducer<string, T> KeyedProducer<T>()
                where T : class => scope.ServiceProvider.GetRequiredService<ITopicProducer<string, T>>();
        }

        var records = (await Task.WhenAll(types.Select(type => TestTopics.ReadAsync(kafka, topics[type], Produced.Length))))
            .Zip(types)
            .ToDictionary(read => read.Second, read => read.First);
        string[] quoted = [.. Produced.Select(text => $"#\"{text}\"")];
        using (Assert.EnterMultipleScope())
        {
            foreach (var (type, read) in records)
            {
                foreach (var text in Produced)
                {
                    Assert.That(read.Select(record => Text(record.Message.Value!)), Has.One.Contains($"\"{text}\""), $"{type}");
                }
            }

            Assert.That(ValuesOf<Note<Form.Plain>>(), Has.All.StartWith("{"));
            Assert.That(ValuesOf<Note<Form.Configured>>(), Has.All.StartWith("#"));
            Assert.That(ValuesOf<Note<Form.WithConfigConfigured>>(), Has.All.StartWith("#"));
            Assert.That(ValuesOf<Parcel<Form.Configured>>(), Has.All.StartWith("#"));
            Assert.That(records[typeof(Note<Form.Plain>)].Select(record => record.Message.Key), Has.All.Null);
            Assert.That(KeysOf<Parcel<Form.Plain>>(), Is.EquivalentTo(Produced));
            Assert.That(KeysOf<Parcel<Form.Configured>>(), Is.EquivalentTo(quoted));
            Assert.That(KeysOf<Parcel<Form.WithConfigConfigured>>(), Is.EquivalentTo(quoted));
            Assert.That(KeysOf<Bill<Form.Plain>>(), Is.EquivalentTo(Produced));
            Assert.That(KeysOf<Bill<Form.Configured>>(), Is.EquivalentTo(quoted));
            Assert.That(KeysOf<Bill<Form.WithConfig>>(), Is.EquivalentTo(Produced));
            Assert.That(KeysOf<Bill<Form.WithConfigConfigured>>(), Is.EquivalentTo(Produced));
            Assert.That(records[typeof(Note<Form.Configured>)].Select(record => Header(record, "tenant")), Is.All.EqualTo("acme"));
            Assert.That(
                records[typeof(Parcel<Form.Configured>)].Select(record => string.Join(",", record.Message.Headers.Select(header => header.Key))),
                Is.All.EqualTo("id,kind"));
        }

        IEnumerable<string> ValuesOf<T>() => records[typeof(T)].Select(record => Text(record.Message.Value!));
        IEnumerable<string> KeysOf<T>() => records[typeof(T)].Select(record => Text(record.Message.Key!));
    }

    [Test]
    public async Task AnEndpointConnectedLaterGetsWhatProducersOfATopicNamedLaterProduce()
    {
        var topic = await TestTopics.CreateAsync(kafka);
        await StartAsync(rider => rider.AddConsumer<RecordingConsumer<Measured>>());

        await using (var scope = services!.CreateAsyncScope())
        {
            await new Shop(scope.ServiceProvider.GetRequiredService<ITopicProducerProvider>()).MeasureAsync(topic);
        }

        var handle = Shop.Connect(services!.GetRequiredService<IKafkaRider>(), topic, NewConfig());
        await handle.Ready;
        var deliveries = await DeliveriesAsync(4);
        await handle.StopAsync();

        Assert.That(deliveries.Select(delivery => (((Measured)delivery.Message).Text, delivery.Key)), Is.EquivalentTo(new[]
        {
            ("without a key", null),
            ("with a key", "key"),
            ("with its own key", "with its own key"),
            ("with the key that is none", null),
        }));
        Assert.That(deliveries.Select(delivery => (delivery.Partition, delivery.Offset)), Is.Unique.And.None.EqualTo(((int?)null, (long?)null)));
    }

    [Test]
    public async Task AConsumerMayReadTheReceiveContextAndAProducerMayChooseItsSerializers()
    {
        var (topic, group) = (await TestTopics.CreateAsync(kafka), NewGroup());
        var places = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await StartAsync(
            rider =>
            {
                rider.AddConsumer<PlaceConsumer>();
                rider.AddProducer<string, Measured>(topic);
            },
            (context, k) => k.TopicEndpoint<Measured>(topic, RiderApplication.Config(group), e => e.ConfigureConsumer<PlaceConsumer>(context)),
            addMore: collection => collection.AddSingleton(places));

        await using (var scope = services!.CreateAsyncScope())
        {
            await PlaceConsumer.ProduceAsJsonAsync(scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Measured>>(), "key", "text");
        }

        await Eventually.TrueAsync(() => !places.IsEmpty);
        var record = (await TestTopics.ReadAsync(kafka, topic, 1))[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(places, Is.EqualTo(new[] { $"{topic}/{group}/0" }));
            Assert.That(Text(record.Message.Key!), Is.EqualTo("\"key\""));
            Assert.That(Text(record.Message.Value!), Does.Contain("\"text\": \"text\""));
        }
    }

    [TestCase("loopback://localhost/", "loopback://localhost/kafka/orders")]
    [TestCase("rabbitmq://broker:5673/shop", "rabbitmq://broker:5673/shop/kafka/orders")]
    public void TheAddressOfATopicIsBelowThatOfTheBus(string host, string address)
    {
        var bus = new Uri(host);

        Assert.That(PlaceConsumer.AddressOf(bus, "orders"), Is.EqualTo(new Uri(address)));
        Assert.That(PlaceConsumer.TopicOf(bus, new Uri(address)), Is.EqualTo("orders"));
        Assert.That(PlaceConsumer.TopicOf(bus, new Uri("topic:orders")), Is.EqualTo("orders"));
        Assert.That(address, Does.EndWith(PlaceConsumer.PathOf("orders")));
        Assert.That(() => PlaceConsumer.TopicOf(bus, new Uri("queue:orders")), Throws.ArgumentException);
    }

    [Test]
    public void AFatalErrorDoesNotPass()
    {
        Assert.That(PlaceConsumer.MayPass(new KafkaConnectionException("It is away.", new KafkaException(new Error(ErrorCode.Local_Transport)))), Is.True);
        Assert.That(
            PlaceConsumer.MayPass(new KafkaConnectionException("It is fenced.", new KafkaException(new Error(ErrorCode.Local_Fatal, "fenced", isFatal: true)))),
            Is.False);
    }

    [Test]
    public async Task ATombstoneIsARecordWithoutAValue()
    {
        var topic = await TestTopics.CreateAsync(kafka);
        await StartAsync(rider => rider.AddProducer<string, Parcel<Form.Plain>>(topic));

        await using (var scope = services!.CreateAsyncScope())
        {
            var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Parcel<Form.Plain>>>();
            await Shop.DeleteAsync(producer, "key", new Parcel<Form.Plain> { Text = "any" });
        }

        var record = (await TestTopics.ReadAsync(kafka, topic, 1))[0];
        Assert.That(Text(record.Message.Key!), Is.EqualTo("key"));
        Assert.That(record.Message.Value, Is.Null.Or.Empty);
    }

    [Test]
    public async Task AnEndpointWithAllSettingsConsumesWhatItsOwnSerializersWrote()
    {
        kind.RequireBroker("creates no topics by request");

        // It is made by the endpoint.
        var topic = $"test-{Guid.NewGuid():N}";
        List<CommittedOffsets> committed = [];
        var statistics = 0;
        await StartAsync(
            rider =>
            {
                rider.AddConsumer<RecordingConsumer<Parcel<Form.Configured>>>();
                rider.AddProducer<string, Parcel<Form.Configured>>(topic, (_, p) =>
                {
                    p.SetKeySerializer(new AsyncMarkedJson<string>());
                    p.SetValueSerializer(new AsyncMarkedJson<Parcel<Form.Configured>>());
                    p.SetHeadersSerializer(new TwoHeaders());
                });
            },
            (context, k) => k.TopicEndpoint<string, Parcel<Form.Configured>>(topic, NewGroup(), e =>
            {
                e.SetAll(
                    offsets =>
                    {
                        lock (committed)
                        {
                            committed.Add(offsets);
                        }
                    },
                    _ => Interlocked.Increment(ref statistics));
                e.ConfigureConsumer<RecordingConsumer<Parcel<Form.Configured>>>(context);
            }),
            new ClientConfig { StatisticsIntervalMs = 200, TopicMetadataRefreshIntervalMs = 200 });

        var id = Guid.NewGuid();
        await using (var scope = services!.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Parcel<Form.Configured>>>().Produce(
                "key", new Parcel<Form.Configured> { Text = "text" }, Pipe.Execute<KafkaSendContext<string, Parcel<Form.Configured>>>(context => context.MessageId = id));
        }

        var delivery = (await DeliveriesAsync(1))[0];
        await Eventually.TrueAsync(() => Volatile.Read(ref statistics) > 0);
        await Eventually.TrueAsync(() =>
        {
            lock (committed)
            {
                return committed.Exists(offsets => offsets.Offsets.Any(offset => offset.Topic == topic && offset.Offset == 1));
            }
        });
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.Bootstrap }).Build();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(delivery.Message, Is.EqualTo(new Parcel<Form.Configured> { Text = "text" }));
            Assert.That(delivery.Key, Is.EqualTo("key"));
            Assert.That(delivery.MessageId, Is.EqualTo(id));
            Assert.That(admin.GetMetadata(topic, TimeSpan.FromSeconds(10)).Topics[0].Partitions, Has.Count.EqualTo(2));
        }
    }

    [Test]
    public async Task AWildcardStandsForAllTopicsOfTheName()
    {
        var name = $"test-{Guid.NewGuid():N}-";
        var topics = await Task.WhenAll(TestTopics.CreateAsync(kafka, name: $"{name}1"), TestTopics.CreateAsync(kafka, name: $"{name}22"));
        await StartAsync(
            rider => rider.AddConsumer<RecordingConsumer<Parcel<Form.Plain>>>(),
            (context, k) => k.TopicEndpoint<string, Parcel<Form.Plain>>($"^{name}[0-9]*", NewConfig(), e =>
                e.ConfigureConsumer<RecordingConsumer<Parcel<Form.Plain>>>(context)));

        await TestTopics.ProduceAsync(kafka, topics[0], Record("""{"text":"first"}"""));
        await TestTopics.ProduceToOnePartitionAsync(kafka, topics[1], Record("no JSON"), Record("""{"text":"second"}"""));

        var deliveries = await DeliveriesAsync(2);
        Assert.That(deliveries.Select(delivery => ((Parcel<Form.Plain>)delivery.Message).Text), Is.EquivalentTo(new[] { "first", "second" }));
        var letter = (await TestTopics.ReadAsync(kafka, $"{topics[1]}.dead-letter", 1))[0];
        Assert.That(Text(letter.Message.Value!), Is.EqualTo("no JSON"));

        // The name of a dead-letter topic begins as that of its topic, and yet it is not consumed: nothing is delivered that was put aside.
        await TestTopics.ProduceAsync(kafka, $"{topics[0]}.dead-letter", Record("""{"text":"put aside"}"""));
        await TestTopics.ProduceAsync(kafka, topics[0], Record("""{"text":"last"}"""));
        deliveries = await DeliveriesAsync(3);
        Assert.That(((Parcel<Form.Plain>)deliveries[^1].Message).Text, Is.EqualTo("last"));
    }

    [Test]
    public async Task ASagaGoesOnFromTopicToTopic()
    {
        var (ordered, delivered) = (await TestTopics.CreateAsync(kafka), await TestTopics.CreateAsync(kafka));
        await StartAsync(
            rider =>
            {
                rider.AddShipments();
                rider.AddProducer<ShipmentOrdered>(ordered);
                rider.AddProducer<ShipmentDelivered>(delivered);
            },
            (context, k) => k.ConsumeShipments(context, ordered, delivered, NewConfig()));

        var id = Guid.NewGuid();
        await using (var scope = services!.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<ShipmentDelivered>>().Produce(new { ShipmentId = id });
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<ShipmentOrdered>>().Produce(new { ShipmentId = id });
        }

        await Eventually.TrueAsync(async () =>
            await services!.GetRequiredService<ILoadSagaRepository<Shipment>>().Load(id) is { CurrentState: nameof(ShipmentStateMachine.Delivered) });
    }

    [Test]
    public async Task ASagaProducesAtEventsAndAtFaults()
    {
        var (raised, news) = (await TestTopics.CreateAsync(kafka), await TestTopics.CreateAsync(kafka));
        await StartAsync(
            rider =>
            {
                rider.AddSagaStateMachine<AlarmStateMachine, Alarm>().InMemoryRepository();
                rider.AddProducer<AlarmRaised>(raised);
                rider.AddProducer<string, AlarmNews>(news, context => context.Message.Text);
            },
            (context, k) => k.TopicEndpoint<AlarmRaised>(raised, NewConfig(), e => e.ConfigureSaga<Alarm>(context)));

        var (id, conversation) = (Guid.NewGuid(), Guid.NewGuid());
        await using (var scope = services!.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<AlarmRaised>>().Produce(
                new { AlarmId = id }, Pipe.Execute<KafkaSendContext<AlarmRaised>>(context => context.ConversationId = conversation));
        }

        var records = await TestTopics.ReadAsync(kafka, news, 8);
        Assert.That(records.Select(record => (Text(record.Message.Key!), Header(record, "step"))), Is.EquivalentTo(new[]
        {
            ($"raised {id}", "event"),
            ("raised", null),
            ($"Nobody is at home. {id}", "fault"),
            ("caught", null),
            ($"rings {id}", null),
            ("rings", null),
            ($"It rang too long. {id}", null),
            ("silenced", null),
        }));
        Assert.That(records.Select(record => Header(record, nameof(MessageContext.ConversationId))), Is.All.EqualTo($"{conversation}"));
    }

    [Test]
    public async Task ASecondBusHasARiderOfItsOwn()
    {
        var (first, second) = (await TestTopics.CreateAsync(kafka), await TestTopics.CreateAsync(kafka));
        await StartAsync(
            rider =>
            {
                rider.AddConsumer<RecordingConsumer<Parcel<Form.Plain>>>();
                rider.AddProducer<string, Parcel<Form.Plain>>(first);
            },
            (context, k) => k.TopicEndpoint<string, Parcel<Form.Plain>>(first, NewConfig(), e => e.ConfigureConsumer<RecordingConsumer<Parcel<Form.Plain>>>(context)),
            addMore: collection => collection.AddSecondBus(kafka.Bootstrap, second, NewConfig()));
        var secondBus = services!.GetRequiredService<IBusInstance<ISecondBus>>().BusControl;
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await secondBus.StartAsync(timeout.Token);

        await using (var scope = services!.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Parcel<Form.Plain>>>().Produce("1", new { Text = "first" });
            await scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Parcel<ISecondBus>>>().Produce("2", new { Text = "second" });
        }

        var deliveries = await DeliveriesAsync(2);
        await secondBus.StopAsync(timeout.Token);
        Assert.That(deliveries.Select(delivery => delivery.Message), Is.EquivalentTo(new object[]
        {
            new Parcel<Form.Plain> { Text = "first" },
            new Parcel<ISecondBus> { Text = "second" },
        }));
    }

    [Test]
    public async Task ABusWithALoginIsBuilt()
    {
        var collection = TestServices.New();
        collection.AddMassTransit(x =>
        {
            x.UsingInMemory();
            x.AddRider(rider => rider.UsingKafka((_, k) => k.HostWithLogin()));
        });
        await using var provider = collection.BuildServiceProvider();

        Assert.That(provider.GetRequiredService<IBusControl>(), Is.Not.Null);
    }

    public static IEnumerable<TestCaseData> RefusedSettings()
    {
        yield return Refused("ConcurrentDeliveryLimit", "would overtake each other", e => e.ConcurrentDeliveryLimit = 2);
        yield return Refused("EnableAutoOffsetStore", "offsets of records in flight would be stored", e => e.EnableAutoOffsetStore = true);
        yield return Refused("EnablePartitionEof", "not a record that a consumer could receive", e => e.EnablePartitionEof = true);

        static TestCaseData Refused(string setting, string why, Action<IKafkaTopicReceiveEndpointConfigurator> configure) =>
            new TestCaseData(setting, why, configure).SetArgDisplayNames(setting);
    }

    [TestCaseSource(nameof(RefusedSettings))]
    public void ASettingThatWouldBreakAPromiseIsRefusedWithTheReason(string setting, string why, Action<IKafkaTopicReceiveEndpointConfigurator> configure)
    {
        var failure = Assert.CatchAsync(() => StartAsync(
            rider => rider.AddConsumer<RecordingConsumer<Parcel<Form.Plain>>>(),
            (context, k) => k.TopicEndpoint<string, Parcel<Form.Plain>>("any", NewConfig(), e =>
            {
                configure(e);
                e.ConfigureConsumer<RecordingConsumer<Parcel<Form.Plain>>>(context);
            })));

        // There is no bus to stop.
        services = null;

        // Core puts what it was told while it made the bus into an exception of its own, which is a ConfigurationException too.
        Assert.That(failure, Is.TypeOf<ConfigurationException>());
        Assert.That(failure!.GetBaseException(), Is.TypeOf<ConfigurationException>());
        Assert.That(failure.GetBaseException().Message, Does.Contain($"{setting} must").And.Contain(why));
    }

    public static IEnumerable<TestCaseData> RefusedProducers()
    {
        yield return Refused("EnableDeliveryReports", "when the record is acknowledged", p => p.EnableDeliveryReports = false);
        yield return Refused("EnableBackgroundPoll", "the rider does not poll for delivery reports itself", p => p.EnableBackgroundPoll = false);
        yield return Refused("TransactionalId", "transactions are not supported", p => p.TransactionalId = "shop");

        static TestCaseData Refused(string setting, string why, Action<IKafkaProducerConfigurator> configure) =>
            new TestCaseData(setting, why, configure).SetArgDisplayNames(setting);
    }

    [TestCaseSource(nameof(RefusedProducers))]
    public void AProducerThatCouldNotKeepAPromiseIsRefusedWithTheReason(string setting, string why, Action<IKafkaProducerConfigurator> configure)
    {
        var failure = Assert.CatchAsync(() => StartAsync(rider => rider.AddProducer<string, Parcel<Form.Plain>>("any", (_, p) => configure(p))));

        // There is no bus to stop.
        services = null;
        Assert.That(failure!.GetBaseException(), Is.TypeOf<ConfigurationException>());
        Assert.That(failure.GetBaseException().Message, Does.StartWith($"Producer of topic any: {setting} must not").And.Contain(why));
    }

    private static ConsumerConfig NewConfig() => RiderApplication.Config(NewGroup());

    private static string NewGroup() => $"group-{Guid.NewGuid():N}";

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private static string? Header(ConsumeResult<byte[]?, byte[]?> record, string name) =>
        record.Message.Headers.TryGetLastBytes(name, out var bytes) ? Text(bytes) : null;

    private static Message<byte[]?, byte[]?> Record(string value) => new() { Key = "key"u8.ToArray(), Value = Encoding.UTF8.GetBytes(value) };

    private async Task StartAsync(
        Action<IRiderRegistrationConfigurator> register,
        Action<IRiderRegistrationContext, IKafkaFactoryConfigurator>? configure = null,
        ClientConfig? clientConfig = null,
        Action<IServiceCollection>? addMore = null)
    {
        var collection = TestServices.New();
        collection.AddSingleton<Deliveries>();
        collection.AddScoped<Tenant>();
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                register(rider);
                rider.UsingKafka(clientConfig ?? new ClientConfig(), (context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    configure?.Invoke(context, k);
                });
            });
        });
        addMore?.Invoke(collection);
        services = collection.BuildServiceProvider();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await services.GetRequiredService<IBusControl>().StartAsync(timeout.Token);
    }

    private async Task<List<Delivery>> DeliveriesAsync(int count)
    {
        var deliveries = services!.GetRequiredService<Deliveries>();
        await Eventually.TrueAsync(() => deliveries.Count >= count);
        return [.. deliveries];
    }
}
