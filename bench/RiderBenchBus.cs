using System.Diagnostics;
using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;

namespace ProductCache.Bench;

/// <summary>A bus with a consumer of parcels, and what has become of them.</summary>
internal sealed class RiderBenchBus : IAsyncDisposable
{
    private const string Queue = "parcels";

    private readonly ServiceProvider services;
    private readonly IBusControl bus;

    private RiderBenchBus(Action<IBusRegistrationConfigurator> configure, Progress progress)
    {
        var collection = new ServiceCollection();

        // MassTransit's log context outlives the container that it was made from.
        collection.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        collection.AddLogging();
        collection.AddSingleton(progress);
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            configure(x);
        });
        services = collection.BuildServiceProvider();
        bus = services.GetRequiredService<IBusControl>();
    }

    /// <summary>A bus whose rider produces to the topic.</summary>
    public static Task<RiderBenchBus> ProduceAsync(RiderKafka kafka, string topic) => StartAsync(
        x =>
        {
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddProducer<string, Parcel>(topic);
                rider.UsingKafka((_, k) => k.Host(kafka.Bootstrap));
            });
        },
        new Progress(0));

    /// <summary>A bus whose rider consumes the topic from its beginning, and produces to it.</summary>
    public static Task<RiderBenchBus> ConsumeAsync<TConsumer>(
        RiderKafka kafka, string topic, Progress progress, int concurrencyLimit = 1, int batch = 1)
        where TConsumer : class, IConsumer => StartAsync(
        x =>
        {
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddConsumer<TConsumer>(consumer => Limit(consumer, batch));
                rider.AddProducer<string, Parcel>(topic);
                rider.UsingKafka((context, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.TopicEndpoint<string, Parcel>(topic, kafka.ConsumerConfig(), endpoint =>
                    {
                        endpoint.ConcurrentMessageLimit = concurrencyLimit;
                        endpoint.ConfigureConsumer<TConsumer>(context);
                    });
                });
            });
        },
        progress);

    /// <summary>A bus without a rider: core alone. The parcels are there before the first one is consumed.</summary>
    public static async Task<RiderBenchBus> ConsumeInMemoryAsync<TConsumer>(Progress progress, int concurrencyLimit = 1, int batch = 1)
        where TConsumer : class, IConsumer
    {
        progress.Close();
        var bus = await StartAsync(
            x =>
            {
                x.AddConsumer<TConsumer>(consumer => Limit(consumer, batch));
                x.UsingInMemory((context, memory) => memory.ReceiveEndpoint(Queue, endpoint =>
                {
                    endpoint.PrefetchCount = 1_000;

                    // Of a batch consumer it is the concurrency of what fills the batches.
                    endpoint.ConcurrentMessageLimit = batch == 1 ? concurrencyLimit : null;
                    endpoint.ConfigureConsumer<TConsumer>(context);
                }));
            },
            progress);
        var queue = await bus.bus.GetSendEndpoint(new Uri($"queue:{Queue}"));
        for (var number = 0; number < progress.Count; number++)
        {
            await queue.Send(Parcel.Create(number));
        }

        progress.Open();
        return bus;
    }

    /// <summary>For a caller that keeps it.</summary>
    public ITopicProducer<string, Parcel> Producer => services.CreateScope().ServiceProvider.GetRequiredService<ITopicProducer<string, Parcel>>();

    public async ValueTask DisposeAsync()
    {
        await bus.StopAsync(TimeSpan.FromSeconds(30));
        await services.DisposeAsync();
    }

    private static async Task<RiderBenchBus> StartAsync(Action<IBusRegistrationConfigurator> configure, Progress progress)
    {
        var started = new RiderBenchBus(configure, progress);
        await started.bus.StartAsync(TimeSpan.FromSeconds(60));
        return started;
    }

    private static void Limit<TConsumer>(IConsumerConfigurator<TConsumer> consumer, int batch)
        where TConsumer : class
    {
        if (batch > 1)
        {
            consumer.Options<BatchOptions>(options => options.SetMessageLimit(batch).SetConcurrencyLimit(1).SetTimeLimit(TimeSpan.FromSeconds(1)));
        }
    }
}

/// <summary>How many parcels have been consumed of those that are expected, and how fast from the first one on.</summary>
internal sealed class Progress(int count, Action<int, int>? at = null)
{
    private readonly TaskCompletionSource<double> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? gate;
    private int consumed;
    private int first;
    private long began;

    public int Count => count;

    /// <summary>Completed with the records of a second.</summary>
    public Task<double> Rate => done.Task.WaitAsync(TimeSpan.FromMinutes(10));

    public Task Opened => gate?.Task ?? Task.CompletedTask;

    public void Close() => gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open() => gate!.SetResult();

    public void Consumed(int records)
    {
        var now = Interlocked.Add(ref consumed, records);
        if (now == records)
        {
            first = records;
            began = Stopwatch.GetTimestamp();
        }

        at?.Invoke(now, records);
        if (now == count)
        {
            done.SetResult((count - first) / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
    }
}

internal sealed class ParcelConsumer(Progress progress) : MassTransit.IConsumer<Parcel>
{
    public async Task Consume(ConsumeContext<Parcel> context)
    {
        await progress.Opened;
        progress.Consumed(1);
    }
}

internal sealed class ParcelsConsumer(Progress progress) : MassTransit.IConsumer<Batch<Parcel>>
{
    public async Task Consume(ConsumeContext<Batch<Parcel>> context)
    {
        await progress.Opened;
        progress.Consumed(context.Message.Length);
    }
}
