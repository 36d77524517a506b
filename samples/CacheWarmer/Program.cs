using System.Globalization;
using MassTransit;
using ProductCache.Contracts;

// The products of a campaign, before it begins: CacheWarmer 1 2 3
var ids = args.Select(id => long.Parse(id, NumberStyles.None, CultureInfo.InvariantCulture)).ToList();
var builder = Host.CreateApplicationBuilder();
builder.Services.AddMassTransit(bus =>
{
    bus.UsingInMemory();
    bus.AddRider(rider =>
    {
        rider.AddProducer<string, ProductRequested>(Topics.ProductRequests);
        rider.UsingKafka((_, kafka) => kafka.Host(builder.Configuration["KAFKA_BOOTSTRAP"] ?? "localhost:9092"));
    });
});
using var host = builder.Build();
await host.StartAsync();
await using (var scope = host.Services.CreateAsyncScope())
{
    var requests = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, ProductRequested>>();

    // A request for a product that is cached is harmless.
    await Task.WhenAll(ids.Select(id => requests.Produce(id.ToString(CultureInfo.InvariantCulture), new ProductRequested { ProductId = id })));
}

Console.WriteLine($"Requested {ids.Count} products.");
await host.StopAsync();
