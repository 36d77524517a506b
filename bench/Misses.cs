using System.Diagnostics;
using Confluent.Kafka;
using StackExchange.Redis;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>A miss until its 200, beside the bare sum of what it cannot do without: produce and consume, one SQL read, one Redis write.</summary>
internal static class Misses
{
    private const int Count = 200;
    private const int WarmUp = 50;

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(Count + WarmUp);
        using var client = new HttpClient();
        List<double> misses = [];
        using var parts = new Parts(servers);
        List<double> sums = [];

        // In turns, so that both see the same machine.
        for (var n = 0; n < Count + WarmUp; n++)
        {
            var started = Stopwatch.GetTimestamp();
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{servers.ApiPort}/productapp/{first + n}/") { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await client.SendAsync(request);
            if ((int)answer.StatusCode != 200)
            {
                throw new InvalidOperationException($"{answer.StatusCode}");
            }

            var miss = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            var sum = await parts.RunAsync(first + n);
            if (n >= WarmUp)
            {
                misses.Add(miss);
                sums.Add(sum);
            }
        }

        return new Section(
            "Misses",
            $"{Count} products that are not cached, one after the other, by {servers.KafkaName}; " +
            "beside the bare sum of what a miss cannot do without, in turns.",
            [
                new ReportTable(
                    ["", "p50, ms", "p99, ms", "ratio of p50", "ratio of p99"],
                    [
                        Row("bare sum: produce and consume, one SELECT, one Redis SET", sums),
                        Row("ProductCache: GET with Prefer: wait until its 200", misses),
                    ],
                    new BarChart("misses", "Misses: until the 200", "ms", $"p50 of {Count}; whiskers: up to p99",
                    [
                        Bar.OfLatency("bare sum of the steps", Percentile(sums, 50), Percentile(sums, 99)),
                        Bar.OfLatency("ProductCache", Percentile(misses, 50), Percentile(misses, 99), own: true),
                    ])),
            ]);

        IReadOnlyList<string> Row(string name, List<double> times) =>
        [
            name,
            Figures.Number(Percentile(times, 50)),
            Figures.Number(Percentile(times, 99)),
            Figures.Ratio(Percentile(times, 50) / Percentile(sums, 50)),
            Figures.Ratio(Percentile(times, 99) / Percentile(sums, 99)),
        ];
    }

    private sealed class Parts : IDisposable
    {
        private readonly BenchServers servers;
        private readonly IProducer<string, string> producer;
        private readonly IConsumer<string, string> consumer;
        private readonly ConnectionMultiplexer redis;
        private readonly string topic = $"bench-{Guid.NewGuid():N}";

        public Parts(BenchServers servers)
        {
            this.servers = servers;
            redis = ConnectionMultiplexer.Connect(servers.Redis);
            producer = new ProducerBuilder<string, string>(new ProducerConfig
            {
                BootstrapServers = servers.KafkaBootstrap,
                EnableIdempotence = true,
                LingerMs = 0,
            }).Build();
            using (var admin = new DependentAdminClientBuilder(producer.Handle).Build())
            {
                if (servers.KafkaName == "Kafka")
                {
                    admin.CreateTopicsAsync([new Confluent.Kafka.Admin.TopicSpecification { Name = topic, NumPartitions = 1, ReplicationFactor = -1 }]).Wait();
                }
                else
                {
                    admin.GetMetadata(topic, TimeSpan.FromSeconds(10));
                }
            }

            consumer = new ConsumerBuilder<string, string>(new ConsumerConfig
            {
                BootstrapServers = servers.KafkaBootstrap,
                GroupId = topic,
                FetchWaitMaxMs = servers.FetchWait,
                AutoOffsetReset = AutoOffsetReset.Earliest,
            }).Build();
            consumer.Subscribe(topic);
        }

        public async Task<double> RunAsync(long id)
        {
            var started = Stopwatch.GetTimestamp();
            await producer.ProduceAsync(topic, new Message<string, string> { Key = "key", Value = $"{id}" });
            consumer.Consume(TimeSpan.FromSeconds(30));
            await using (var read = servers.DataSource.CreateCommand("SELECT id, name, price, description, version FROM products WHERE id = $1"))
            {
                read.Parameters.AddWithValue(id);
                await using var row = await read.ExecuteReaderAsync();
                await row.ReadAsync();
            }

            await redis.GetDatabase().StringSetAsync($"bench:{id}", "x");
            return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        public void Dispose()
        {
            consumer.Close();
            consumer.Dispose();
            producer.Dispose();
            redis.Dispose();
        }
    }
}
