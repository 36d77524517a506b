using System.Runtime.CompilerServices;
using ProductCache.Client;

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddProductCacheClient(options => options.BaseAddress = new Uri(builder.Configuration["PRODUCTCACHE"] ?? "http://localhost:8000"));
var app = builder.Build();
app.UseDefaultFiles();
app.UseStaticFiles();

// What the page shows first. JavaScript would round a large id in a number, so ids are texts.
app.MapGet("/products", async (string ids, ProductCacheClient products, CancellationToken cancellationToken) =>
    (await products.GetManyAsync<Product>(ids.Split(','), cancellationToken))
        .Select(product => new Offer(product.Key, product.Value.Product.Name, product.Value.Product.Price)));

// Then the prices as they change: the events of ProductCache, reduced to what the page needs.
app.MapGet("/prices", (string ids, ProductCacheClient products, CancellationToken cancellationToken) =>
    TypedResults.ServerSentEvents(PricesAsync(products, ids.Split(','), cancellationToken)));
app.Run();

static async IAsyncEnumerable<Price> PricesAsync(ProductCacheClient products, string[] ids, [EnumeratorCancellation] CancellationToken cancellationToken)
{
    await foreach (var change in products.FollowAsync<Product>(ids, cancellationToken))
    {
        if (change.Id.Length > 0)
        {
            yield return new Price(change.Id, change.Entry?.Product.Price);
        }
    }
}

internal sealed record Offer(string Id, string Name, decimal Price);

/// <param name="Value">Null: the product is not for sale.</param>
internal sealed record Price(string Id, decimal? Value);
