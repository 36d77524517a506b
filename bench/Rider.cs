using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using MassTransit;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>What the rider makes of Kafka's speed, beside Confluent's client alone and beside MassTransit's core alone.</summary>
internal static class Rider
{
    private const int Rounds = 5;

    /// <summary>Until the loops that poll and handle are compiled for good.</summary>
    private const int WarmUps = 3;

    private const int Outstanding = 1_000;

    /// <summary>Requests on their way to a broker, where an idempotent producer says nothing else.</summary>
    private const int ConfluentsMaxInFlight = 5;

    private const int Produced = 50_000;
    private const int ProducedSingly = 1_000;
    private const int InMemory = 100_000;
    private const int Latencies = 1_000;
    private const int Side = 16;
    private static readonly int[] Batches = [100, 500];

    public static async Task RunAsync()
    {
        await using var kafka = new RiderKafka();

        // The mock cluster keeps 5 MiB of a partition.
        var backlog = kafka.IsReal ? 100_000 : 8_000;
        Console.WriteLine(
            $"\nRider: records of {Parcel.Size} bytes of JSON with five headers, by {kafka.Name}; {Rounds} rounds in turns, medians\n");
        await ProduceAsync(kafka);
        var one = await kafka.CreateBacklogAsync(1, backlog);
        await ConsumeSinglyAsync(kafka, one, await kafka.CreateBacklogAsync(4, backlog), backlog);
        await ConsumeBatchesAsync(kafka, one, backlog);
        await LatencyAsync(kafka);
    }

    private static async Task ProduceAsync(RiderKafka kafka)
    {
        var topic = await kafka.CreateTopicAsync(4);
        using var bytes = kafka.Producer(Serializers.ByteArray, Serializers.ByteArray);
        using var raw = kafka.Producer(Serializers.Utf8, RiderKafka.Json.Instance);
        using var unsafeRaw = kafka.Producer(Serializers.Utf8, RiderKafka.Json.Instance, ConfluentsMaxInFlight);
        await using var bus = await RiderBenchBus.ProduceAsync(kafka, topic);
        var rider = bus.Producer;
        var parcel = Parcel.Create(0);
        var json = parcel.ToJson();
        Task Bytes(int number) => bytes.ProduceAsync(topic, new Message<byte[], byte[]> { Key = BitConverter.GetBytes(number), Value = json });
        Message<string, Parcel> Message(int number) => new() { Key = RiderKafka.KeyOf(number), Value = parcel, Headers = RiderKafka.NewHeaders() };
        Task Raw(int number) => raw.ProduceAsync(topic, Message(number));
        Task UnsafeRaw(int number) => unsafeRaw.ProduceAsync(topic, Message(number));
        Task Rider(int number) => rider.Produce(RiderKafka.KeyOf(number), parcel);

        var many = await MeasureAsync(
            () => ProduceAsync(Raw, Produced, Outstanding),
            () => ProduceAsync(Bytes, Produced, Outstanding),
            () => ProduceAsync(UnsafeRaw, Produced, Outstanding),
            () => ProduceAsync(Rider, Produced, Outstanding));
        var single = await MeasureAsync(
            () => ProduceAsync(Raw, ProducedSingly, 1),
            () => ProduceAsync(Bytes, ProducedSingly, 1),
            () => ProduceAsync(UnsafeRaw, ProducedSingly, 1),
            () => ProduceAsync(Rider, ProducedSingly, 1));
        Console.WriteLine("| produce | records/s | of raw | aim |\n| --- | --- | --- | --- |");
        foreach (var (how, results) in new[] { ($"{Outstanding:N0} outstanding", many), ("one at a time", single) })
        {
            Row($"raw, {how}", results[0], results[0]);
            Row($"raw without serialising and headers, {how}", results[1], results[0]);
            Row($"raw with {ConfluentsMaxInFlight} requests on their way, {how}", results[2], results[0]);
            Row($"ITopicProducer, {how}", results[3], results[0], 0.5);
        }
    }

    private static async Task<double> ProduceAsync(Func<int, Task> produce, int count, int outstanding)
    {
        var next = -1;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, outstanding).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var number && number < count)
            {
                await produce(number);
            }
        }));
        return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task ConsumeSinglyAsync(RiderKafka kafka, string one, string four, int backlog)
    {
        var results = await MeasureAsync(
            () => ConsumeRawAsync(kafka, one, backlog),
            () => ConsumeInMemoryAsync<ParcelConsumer>(1, 1),
            () => ConsumeAsync<ParcelConsumer>(kafka, one, backlog, 1, 1),
            () => ConsumeAsync<ParcelConsumer>(kafka, four, backlog, 1, 1),
            () => ConsumeInMemoryAsync<ParcelConsumer>(Side, 1),
            () => ConsumeAsync<ParcelConsumer>(kafka, one, backlog, Side, 1),
            () => ConsumeAsync<ParcelConsumer>(kafka, four, backlog, Side, 1));
        Console.WriteLine("\n| consume singly | records/s | of in-memory | aim |\n| --- | --- | --- | --- |");
        Row("raw poll loop, JSON read", results[0], results[1]);
        Row("in-memory transport, one at a time", results[1], results[1]);
        Row("rider, one partition, one at a time", results[2], results[1], 2);
        Row("rider, four partitions, one at a time", results[3], results[1], 2);
        Row($"in-memory transport, {Side} side by side", results[4], results[4]);
        Row($"rider, one partition, {Side} side by side", results[5], results[4], 2);
        Row($"rider, four partitions, {Side} side by side", results[6], results[4], 2);
    }

    private static async Task ConsumeBatchesAsync(RiderKafka kafka, string topic, int backlog)
    {
        Console.WriteLine("\n| consume in batches | records/s | of in-memory | aim |\n| --- | --- | --- | --- |");
        foreach (var batch in Batches)
        {
            var results = await MeasureAsync(
                () => ConsumeInMemoryAsync<ParcelsConsumer>(1, batch), () => ConsumeAsync<ParcelsConsumer>(kafka, topic, backlog, 1, batch));
            Row($"in-memory transport, {batch}", results[0], results[0]);
            Row($"rider, {batch}", results[1], results[0], rate: 100_000);
        }
    }

    private static async Task<double> ConsumeAsync<TConsumer>(RiderKafka kafka, string topic, int count, int concurrencyLimit, int batch)
        where TConsumer : class, IConsumer
    {
        var progress = new Progress(count);
        await using var bus = await RiderBenchBus.ConsumeAsync<TConsumer>(kafka, topic, progress, concurrencyLimit, batch);
        return await progress.Rate;
    }

    private static async Task<double> ConsumeInMemoryAsync<TConsumer>(int concurrencyLimit, int batch)
        where TConsumer : class, IConsumer
    {
        var progress = new Progress(InMemory);
        await using var bus = await RiderBenchBus.ConsumeInMemoryAsync<TConsumer>(progress, concurrencyLimit, batch);
        return await progress.Rate;
    }

    private static Task<double> ConsumeRawAsync(RiderKafka kafka, string topic, int count) => Task.Run(() =>
    {
        var progress = new Progress(count);
        using var consumer = kafka.Consumer();
        consumer.Subscribe(topic);
        for (var consumed = 0; consumed < count; consumed++)
        {
            consumer.Consume();
            progress.Consumed(1);
        }

        consumer.Close();
        return progress.Rate;
    });

    // A raw one and one of the rider in turns.
    private static async Task LatencyAsync(RiderKafka kafka)
    {
        var (rawTopic, riderTopic) = (await kafka.CreateTopicAsync(1), await kafka.CreateTopicAsync(1));
        using var arrived = new SemaphoreSlim(0);
        using var stopping = new CancellationTokenSource();
        using var producer = kafka.Producer(Serializers.Utf8, RiderKafka.Json.Instance);
        using var consumer = kafka.Consumer();
        consumer.Subscribe(rawTopic);
        var polling = Task.Run(() =>
        {
            while (!stopping.IsCancellationRequested)
            {
                if (consumer.Consume(100) is { Message.Value: not null })
                {
                    arrived.Release();
                }
            }
        });
        await using var bus = await RiderBenchBus.ConsumeAsync<ParcelConsumer>(kafka, riderTopic, new Progress(int.MaxValue, (_, _) => arrived.Release()));
        var rider = bus.Producer;
        var parcel = Parcel.Create(0);
        List<double> raws = [], riders = [];
        for (var i = -100; i < Latencies; i++)
        {
            var raw = await TimeAsync(() => producer.ProduceAsync(
                rawTopic, new Message<string, Parcel> { Key = "0", Value = parcel, Headers = RiderKafka.NewHeaders() }));
            var its = await TimeAsync(() => rider.Produce("0", parcel));

            // The first ones warm up.
            if (i >= 0)
            {
                raws.Add(raw);
                riders.Add(its);
            }
        }

        await stopping.CancelAsync();
        await polling;
        consumer.Close();
        var difference = Median(riders) - Median(raws);
        Console.WriteLine($"\n| from produce to consumer, {Latencies:N0} one at a time | ms, p50 | p99 | p50 beyond raw | aim |\n| --- | --- | --- | --- | --- |");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| raw | {Median(raws):0.00} | {Percentile(raws, 99):0.00} | | |"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| rider | {Median(riders):0.00} | {Percentile(riders, 99):0.00} | {difference:0.00} | at most 1.00: {Verdict(difference <= 1)} |"));

        async Task<double> TimeAsync(Func<Task> produce)
        {
            var began = Stopwatch.GetTimestamp();
            var producing = produce();
            await arrived.WaitAsync(TimeSpan.FromSeconds(30));
            var elapsed = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            await producing;
            return elapsed;
        }
    }

    private static async Task<List<double>[]> MeasureAsync(params Func<Task<double>>[] contenders)
    {
        var results = contenders.Select(_ => new List<double>()).ToArray();
        for (var round = -WarmUps; round < Rounds; round++)
        {
            for (var i = 0; i < contenders.Length; i++)
            {
                // Nobody pays for what another one has left.
                GC.Collect();
                var rate = await contenders[i]();

                // The first ones warm up.
                if (round >= 0)
                {
                    results[i].Add(rate);
                }
            }
        }

        return results;
    }

    private static void Row(string name, List<double> rates, List<double> baseline, double? ratio = null, double? rate = null)
    {
        var reached = Ratio(rates, baseline);
        var aim = (ratio, rate) switch
        {
            ({ } least, _) => string.Create(CultureInfo.InvariantCulture, $"at least {least:0.0#}: {Verdict(reached >= least)}"),
            (_, { } least) => string.Create(CultureInfo.InvariantCulture, $"at least {least:N0}/s: {Verdict(Median(rates) >= least)}"),
            _ => "",
        };
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Median(rates):N0} | {reached:0.00} | {aim} |"));
    }

    private static string Verdict(bool met) => met ? "met" : "**missed**";
}
