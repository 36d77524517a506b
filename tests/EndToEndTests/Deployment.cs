using System.Globalization;
using System.Net;
using Confluent.Kafka;
using Npgsql;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.EndToEndTests;

/// <summary>An Api and a Worker process on real servers, with a database and a consumer group of their own.</summary>
internal sealed class Deployment : IAsyncDisposable
{
    private readonly Dictionary<string, string> settings;
    public int WorkerPort { get; } = TestServer.FreePort();

    private Deployment(
        PostgresServer postgres,
        RedisServer redis,
        KafkaServer kafka,
        NpgsqlDataSource dataSource,
        IConnectionMultiplexer redisConnection,
        IEnumerable<(string Key, string Value)> extraSettings)
    {
        Postgres = postgres;
        Redis = redis;
        Kafka = kafka;
        DataSource = dataSource;
        RedisConnection = redisConnection;
        ApiPort = TestServer.FreePort();
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ApiPort}"), Timeout = TimeSpan.FromSeconds(30) };
        var database = new NpgsqlConnectionStringBuilder(dataSource.ConnectionString);
        settings = new Dictionary<string, string>(kafka.ClientSettings)
        {
            ["DB_HOST"] = database.Host!,
            ["DB_PORT"] = database.Port.ToString(CultureInfo.InvariantCulture),
            ["DB_NAME"] = database.Database!,
            ["DB_USER"] = database.Username!,
            ["DB_PASSWORD"] = new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Password!,
            ["REDIS_HOST"] = redis.Host,
            ["REDIS_PORT"] = redis.Port.ToString(CultureInfo.InvariantCulture),
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["KAFKA_GROUP"] = $"worker-{Guid.NewGuid():N}",
            ["API_PORT"] = ApiPort.ToString(CultureInfo.InvariantCulture),
            ["WORKER_PORT"] = WorkerPort.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (key, value) in extraSettings)
        {
            settings[key] = value;
        }
    }

    public PostgresServer Postgres { get; }

    public RedisServer Redis { get; }

    public KafkaServer Kafka { get; }

    public NpgsqlDataSource DataSource { get; }

    public IConnectionMultiplexer RedisConnection { get; }

    public int ApiPort { get; }

    public HttpClient Http { get; }

    private string TopicPrefix => settings.TryGetValue("CACHE_NAMESPACE", out var name) ? $"{name}." : string.Empty;

    private string KeyPrefix => settings.TryGetValue("CACHE_NAMESPACE", out var name) ? $"{name}:" : string.Empty;

    public ServiceUnderTest Api { get; private set; } = null!;

    public ServiceUnderTest Worker { get; private set; } = null!;

    /// <param name="extraSettings">Of both processes, beside those that say where their servers are.</param>
    public static async Task<Deployment> StartAsync(params IEnumerable<(string Key, string Value)> extraSettings)
    {
        var postgres = await SharedServers.Postgres;
        var name = $"e2e_{Guid.NewGuid():N}";
        await using var server = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var create = server.CreateCommand($"CREATE DATABASE {name}");
        await create.ExecuteNonQueryAsync();
        return await StartInAsync(name, extraSettings);
    }

    /// <summary>Another deployment in the same database.</summary>
    public Task<Deployment> StartBesideAsync(params IEnumerable<(string Key, string Value)> extraSettings) =>
        StartInAsync(settings["DB_NAME"], extraSettings);

    private static async Task<Deployment> StartInAsync(string name, IEnumerable<(string Key, string Value)> extraSettings)
    {
        var (postgres, redis, kafka) = (await SharedServers.Postgres, await SharedServers.Redis, await SharedServers.Kafka);
        var dataSource = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString)
        {
            Database = name,
            Pooling = false,
            SearchPath = extraSettings.FirstOrDefault(setting => setting.Key == "DB_SCHEMA").Value,
        }.ConnectionString);
        var connection = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port},abortConnect=false,allowAdmin=true");

        // What this Redis remembers of another fixture's database would make this one look as if it had gone back.
        await connection.GetDatabase().KeyDeleteAsync("product-cache:store");
        var deployment = new Deployment(postgres, redis, kafka, dataSource, connection, extraSettings);
        await deployment.StartWorkerAsync();
        await deployment.StartApiAsync();
        await deployment.AnswersAsync();
        return deployment;
    }

    public async Task StartWorkerAsync()
    {
        Worker = ServiceUnderTest.Launch("Worker", settings);
        await Worker.ReadyAsync(WorkerPort);
    }

    public async Task StartApiAsync()
    {
        Api = ServiceUnderTest.Launch("Api", settings);
        await Api.ReadyAsync(ApiPort);
    }

    /// <summary>One more Api on the same servers, with settings of its own.</summary>
    public async Task<ServiceUnderTest> StartAnotherApiAsync(params IEnumerable<(string Key, string Value)> extraSettings)
    {
        var another = new Dictionary<string, string>(settings);
        foreach (var (key, value) in extraSettings)
        {
            another[key] = value;
        }

        var api = ServiceUnderTest.Launch("Api", another);
        await Eventually.TrueAsync(() => api.Output.Contains("Application started.", StringComparison.Ordinal), "another Api");
        return api;
    }

    /// <summary>
    /// PostgreSQL's own count of the statements of the Worker that read the table. A connection's counts are sure to
    /// be there once it has ended, so the Worker is a new one before and after.
    /// </summary>
    public async Task<long> CountTableReadsAsync(Func<Task> during)
    {
        var ofStart = await CountTableReadsOnceAsync(() => Task.CompletedTask);
        return await CountTableReadsOnceAsync(during) - ofStart;
    }

    private async Task<long> CountTableReadsOnceAsync(Func<Task> during)
    {
        await Worker.DisposeAsync();
        var before = await TableReadsAsync();
        await StartWorkerAsync();
        await during();
        await Worker.DisposeAsync();
        var after = await TableReadsAsync();
        await StartWorkerAsync();
        return after - before;
    }

    public async Task<ProductId> InsertAsync(string name = "Tea", decimal price = 3.5m, string description = "Green")
    {
        var id = TestSupport.TestProducts.NewId();
        await using var command = DataSource.CreateCommand("INSERT INTO products (id, name, price, description) VALUES ($1, $2, $3, $4)");
        command.Parameters.AddWithValue(id.Value);
        command.Parameters.AddWithValue(name);
        command.Parameters.AddWithValue(price);
        command.Parameters.AddWithValue(description);
        await command.ExecuteNonQueryAsync();
        return id;
    }

    /// <summary>A write by another client of the database.</summary>
    public async Task ExecuteAsync(string sql, params IEnumerable<object> parameters)
    {
        await using var command = DataSource.CreateCommand(sql);
        command.Parameters.AddRange(parameters.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        await command.ExecuteNonQueryAsync();
    }

    public async Task<long> ScalarAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Returns when every change so far has left the outbox and the Workers are done with it.</summary>
    public async Task ChangesAreConsumedAsync()
    {
        await Eventually.TrueAsync(async () => await ScalarAsync("SELECT count(*) FROM product_changes") == 0, "an empty outbox");
        await Eventually.TrueAsync(() => Task.Run(() => IsConsumed($"{TopicPrefix}{Topics.ProductChanges}")), "all changes consumed");
    }

    public Task<HttpResponseMessage> GetAsync(ProductId id, string? prefer = null) => GetAsync($"/productapp/{id}/", prefer);

    public async Task<HttpResponseMessage> GetAsync(string path, string? prefer = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (prefer is not null)
        {
            request.Headers.Add("Prefer", prefer);
        }

        return await Http.SendAsync(request);
    }

    /// <summary>Makes the product a hit.</summary>
    public Task FillAsync(ProductId id) => Eventually.TrueAsync(async () =>
    {
        using var answer = await GetAsync(id, "wait=10");
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            // On a busy machine Kafka may be slower than the deadline of a produce; a client asks again.
            return false;
        }

        Assert.That((int)answer.StatusCode, Is.EqualTo(200), await answer.Content.ReadAsStringAsync());
        return true;
    });

    public Task<bool> IsCachedAsync(ProductId id) => RedisConnection.GetDatabase().KeyExistsAsync(KeyPrefix + CacheKeys.Entry(id));

    /// <summary>All records that the topic has now.</summary>
    public List<ConsumeResult<string, string>> ReadTopic(string topic)
    {
        var timeout = TimeSpan.FromSeconds(20);
        using var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig
        {
            BootstrapServers = Kafka.Bootstrap,
            GroupId = $"reader-{Guid.NewGuid():N}",
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            FetchWaitMaxMs = 5,
        }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, timeout).Topics[0].Partitions
            .Select(partition => new TopicPartition(topic, partition.PartitionId))
            .ToList();
        var expected = partitions.Sum(partition =>
        {
            var marks = consumer.QueryWatermarkOffsets(partition, timeout);
            return marks.High.Value - marks.Low.Value;
        });
        consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        List<ConsumeResult<string, string>> records = [];
        while (records.Count < expected)
        {
            records.Add(consumer.Consume(timeout) ?? throw new TimeoutException($"Read {records.Count} of {expected} records."));
        }

        consumer.Close();
        return records;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Api.DisposeAsync();
        await Worker.DisposeAsync();
        await RedisConnection.DisposeAsync();
        await DataSource.DisposeAsync();
    }

    // The first request to Kafka of a new process may take longer than its reader waits, on a busy machine.
    private Task AnswersAsync() => Eventually.TrueAsync(async () =>
    {
        using var answer = await GetAsync(TestProducts.NewId());
        return answer.StatusCode != HttpStatusCode.ServiceUnavailable;
    });

    private async Task<long> TableReadsAsync()
    {
        await Eventually.TrueAsync(async () => await ScalarAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'product-cache-worker'") == 0);
        return await ScalarAsync("SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'products'");
    }

    private bool IsConsumed(string topic)
    {
        var timeout = TimeSpan.FromSeconds(20);
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig
        {
            BootstrapServers = Kafka.Bootstrap,
            GroupId = TopicPrefix + settings["KAFKA_GROUP"],
        }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, timeout).Topics[0].Partitions.Select(partition => new TopicPartition(topic, partition.PartitionId));
        return consumer.Committed(partitions, timeout).TrueForAll(committed =>
        {
            var marks = consumer.QueryWatermarkOffsets(committed.TopicPartition, timeout);
            return marks.High == marks.Low || committed.Offset >= marks.High;
        });
    }
}
