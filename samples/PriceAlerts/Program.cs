using MassTransit;
using ProductCache.Client;
using ProductCache.Contracts;

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddProductCacheClient(options => options.BaseAddress = new Uri(builder.Configuration["PRODUCTCACHE"] ?? "http://localhost:8000"));
builder.Services.AddMassTransit(bus =>
{
    bus.UsingInMemory();
    bus.AddRider(rider =>
    {
        rider.AddConsumer<PriceAlerts>();
        rider.UsingKafka((context, kafka) =>
        {
            kafka.Host(builder.Configuration["KAFKA_BOOTSTRAP"] ?? "localhost:9092");
            kafka.TopicEndpoint<string, ProductChanged>(
                Topics.ProductChanges, builder.Configuration["GROUP"] ?? "price-alerts", topic => topic.ConfigureConsumer<PriceAlerts>(context));
        });
    });
});
builder.Build().Run();

/// <summary>A change says which product, not what it is now: so it is read, and never in an older version than the change.</summary>
internal sealed class PriceAlerts(ProductCacheClient products) : IConsumer<ProductChanged>
{
    public async Task Consume(ConsumeContext<ProductChanged> context)
    {
        var change = context.Message;
        var entry = change.Kind == ProductChangeKind.Deleted ? null
            : await products.GetAsync(change.ProductId, new ReadOptions { AtLeastVersion = change.Version }, context.CancellationToken);
        Console.WriteLine(entry is null ? $"Product {change.ProductId} is gone." : $"Product {change.ProductId} costs {entry.Product.Price}.");
    }
}
