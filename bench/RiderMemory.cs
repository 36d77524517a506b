using System.Globalization;

namespace ProductCache.Bench;

/// <summary>Whether memory stays flat while the rider consumes millions of records in batches.</summary>
internal static class RiderMemory
{
    private const int Records = 5_000_000;
    private const int Step = 500_000;
    private const int Batch = 100;
    private const int MiB = 1024 * 1024;

    public static async Task RunAsync()
    {
        await using var kafka = new RiderKafka();
        if (!kafka.IsReal)
        {
            Console.WriteLine("\nRider, memory: the embedded Kafka does not keep so many records; name a real one with KAFKA_BOOTSTRAP.");
            return;
        }

        Console.WriteLine($"\nRider, memory: {Records:N0} records of {Parcel.Size} bytes in batches of {Batch}, one partition, by {kafka.Name}\n");
        var topic = await kafka.CreateBacklogAsync(1, Records);
        Console.WriteLine("| records | working set, MiB | GC heap after a collection, MiB |\n| --- | --- | --- |");
        var progress = new Progress(Records, Report);
        await using var bus = await RiderBenchBus.ConsumeAsync<ParcelsConsumer>(kafka, topic, progress, batch: Batch);
        var rate = await progress.Rate;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{rate:N0} records/s, the collections included"));
    }

    // A batch need not be full.
    private static void Report(int consumed, int ofThem)
    {
        if (consumed / Step > (consumed - ofThem) / Step)
        {
            var workingSet = Environment.WorkingSet / MiB;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {consumed / Step * Step:N0} | {workingSet:N0} | {GC.GetTotalMemory(forceFullCollection: true) / (double)MiB:N1} |"));
        }
    }
}
