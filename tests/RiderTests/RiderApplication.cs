using System.Collections.Concurrent;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.RiderTests;

public sealed record Order
{
    public required string OrderId { get; init; }

    public decimal Amount { get; init; }
}

/// <summary>One process of a group that consumes orders, with a handler that the test decides.</summary>
internal sealed class RiderApplication : IAsyncDisposable
{
    private readonly ServiceProvider services;
    private readonly IBusControl bus;

    private RiderApplication(ServiceProvider services)
    {
        this.services = services;
        bus = services.GetRequiredService<IBusControl>();
    }

    /// <summary>What was handled to its end, in the order of the ends.</summary>
    public ConcurrentQueue<string> Handled { get; } = new();

    public IServiceProvider Services => services;

    public static async Task<RiderApplication> StartAsync(
        KafkaServer kafka,
        string topic,
        string group,
        Func<ConsumeContext<Order>, Task>? handle = null,
        Action<IKafkaTopicReceiveEndpointConfigurator<string, Order>>? configure = null)
    {
        RiderApplication? application = null;
        var collection = TestServices.New();
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.UsingInMemory();
            x.AddRider(rider =>
            {
                rider.AddProducer<string, Order>(topic);
                rider.UsingKafka((_, k) =>
                {
                    k.Host(kafka.Bootstrap);
                    k.TopicEndpoint<string, Order>(topic, Config(group), endpoint =>
                    {
                        configure?.Invoke(endpoint);
                        endpoint.Handler<Order>(async context =>
                        {
                            if (handle is not null)
                            {
                                await handle(context);
                            }

                            application!.Handled.Enqueue(context.Message.OrderId);
                        });
                    });
                });
            });
        });
        application = new RiderApplication(collection.BuildServiceProvider());
        await application.StartAsync();
        return application;
    }

    public static ConsumerConfig Config(string group) => new()
    {
        GroupId = group,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        SessionTimeoutMs = 6_000,
        HeartbeatIntervalMs = 500,
        FetchWaitMaxMs = 5,
    };

    public async Task StartAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await bus.StartAsync(timeout.Token);
    }

    public async Task StopAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await bus.StopAsync(timeout.Token);
    }

    public async Task ProduceAsync(params IEnumerable<string> ids)
    {
        await using var scope = services.CreateAsyncScope();
        var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, Order>>();
        await Task.WhenAll(ids.Select(id => producer.Produce(id, new Order { OrderId = id })));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await services.DisposeAsync();
    }
}
