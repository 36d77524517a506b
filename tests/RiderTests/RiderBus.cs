using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests;

/// <summary>A bus with a rider that the test configures.</summary>
internal sealed class RiderBus : IAsyncDisposable
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);

    private readonly IBusControl bus;

    public RiderBus(Action<IRiderRegistrationConfigurator> configure, Action<IServiceCollection>? add = null)
    {
        var collection = TestServices.New();
        add?.Invoke(collection);
        collection.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.UsingInMemory();
            x.AddRider(configure);
        });
        Services = collection.BuildServiceProvider();
        bus = Services.GetRequiredService<IBusControl>();
    }

    public ServiceProvider Services { get; }

    public static async Task<RiderBus> StartAsync(Action<IRiderRegistrationConfigurator> configure, Action<IServiceCollection>? add = null)
    {
        var started = new RiderBus(configure, add);
        await started.StartAsync();
        return started;
    }

    public async Task StartAsync(TimeSpan? startTimeout = null)
    {
        using var timeout = new CancellationTokenSource(startTimeout ?? WaitTimeout);
        await bus.StartAsync(timeout.Token);
    }

    public async Task StopAsync(TimeSpan? stopTimeout = null)
    {
        using var timeout = new CancellationTokenSource(stopTimeout ?? WaitTimeout);
        await bus.StopAsync(timeout.Token);
    }

    public BusHealthResult Health() => bus.CheckHealth();

    public EndpointHealthResult Health(string topic) =>
        Health().Endpoints.SingleOrDefault(endpoint => endpoint.Key.Contains(topic, StringComparison.Ordinal)).Value;

    public async Task InScopeAsync<T>(Func<T, Task> use)
        where T : notnull
    {
        await using var scope = Services.CreateAsyncScope();
        await use(scope.ServiceProvider.GetRequiredService<T>());
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Services.DisposeAsync();
    }
}
