using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Infrastructure;
using ProductCache.Infrastructure.Postgres;
using ProductCache.Infrastructure.Tools;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>A shop whose products can be broken in all ways, and the service that serves them.</summary>
internal sealed class ServedShop : IAsyncDisposable
{
    private const string Tables =
        """
        CREATE SCHEMA shop;
        CREATE TABLE shop.products (id text PRIMARY KEY, title text, kind text);
        CREATE TABLE shop.notes (product_id text, note text);
        CREATE INDEX ON shop.notes (left(product_id, 100));
        CREATE TABLE shop.kinds (kind text, name text);
        INSERT INTO shop.kinds VALUES ('twice', 'one'), ('twice', 'two');
        CREATE TABLE shop.log (entry text);
        CREATE FUNCTION shop.logged(entry text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.log VALUES (entry); RETURN entry; END $$;
        INSERT INTO shop.products VALUES ('a', 'Tea'), ('b', 'Coffee'), ('c', 'Mate'), ('d', 'Cocoa');
        """;

    private const string Mapping =
        """
        -- id: text
        -- watch: shop.products (id)
        -- watch: shop.notes (product_id)
        -- watch: shop.kinds (kind) -> select id from shop.products where kind = any(@keys)
        -- list: select id, title as search from shop.products
        select p.id,
               case p.kind
                 when 'list' then '[1]'::jsonb
                 when 'null' then 'null'::jsonb
                 when 'large' then jsonb_build_object('title', repeat('x', 1048576))
                 when 'division' then jsonb_build_object('title', 1 / (length(p.kind) - 8))
                 when 'writes' then jsonb_build_object('title', shop.logged(p.title))
                 when 'hidden' then null
                 else jsonb_build_object('title', p.title, 'kind', k.name, 'notes', (select count(*) from shop.notes as n where left(n.product_id, 100) = left(p.id, 100)))
               end as body,
               case p.kind when 'faulty' then 'The price is missing.' end as fault,
               case p.kind when 'tags' then array[array['a']] when 'ended' then array['b'] end as tags,
               case p.kind when 'late' then timestamptz '12000-01-01' end as valid_until
        from shop.products as p left join shop.kinds as k on k.kind = p.kind
        where p.id = any(@ids)
        """;

    private readonly Shop shop;
    private readonly RunningService service;

    private ServedShop(Shop shop, RunningService service) => (this.shop, this.service) = (shop, service);

    public HttpClient Api => service.Api;

    /// <param name="migrates">DB_MIGRATE: on, or off after an installation by hand.</param>
    public static async Task<ServedShop> StartAsync(string migrates)
    {
        var shop = await Shop.CreateAsync(Tables, Mapping);
        if (migrates == "off")
        {
            await InstallAsync(shop);
        }

        return new ServedShop(shop, await shop.StartAsync(
            services => services.AddSingleton<TimeProvider>(new ImpatientTime()), ("DB_MIGRATE", migrates), (EntryAuditOptions.Setting, "0")));
    }

    public Task ExecuteAsync(string sql) => shop.ExecuteAsync(sql);

    public Task<T> ScalarAsync<T>(string sql) => shop.ScalarAsync<T>(sql);

    public Task InstallAsync() => InstallAsync(shop);

    /// <summary>Four products, a to d, which are read and served.</summary>
    public async Task MendAsync()
    {
        await ExecuteAsync("UPDATE shop.products SET kind = NULL, title = 'Product ' || id");
        foreach (var id in (string[])["a", "b", "c", "d"])
        {
            await ServedAsync(id, $"Product {id}");
        }
    }

    public async Task ServedAsync(string id, string title) => await Eventually.TrueAsync(
        async () => await ReadAsync(id) is (HttpStatusCode.OK, var body) && JsonNode.Parse(body)!["title"]!.ToString() == title, $"{id}: {title}");

    public async Task<(HttpStatusCode Status, string Body)> ReadAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products/{id}") { Headers = { { "Prefer", "wait=5" } } };
        using var answer = await service.Api.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    public async Task<(HttpStatusCode Status, string Body)> ReadyAsync()
    {
        using var answer = await service.Worker.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    public Task TheOutboxIsEmptyAsync() => Eventually.TrueAsync(() => shop.ScalarAsync<bool>(
        "SELECT NOT EXISTS (SELECT FROM product_cache.product_changes) AND NOT EXISTS (SELECT FROM product_cache.product_expansions) AND NOT EXISTS (SELECT FROM product_cache.product_touches)"));

    public async Task<bool> IsInstalledAsync()
    {
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        return (await services.GetRequiredService<IMappingTools>().DifferenceAsync(default)).Count == 0;
    }

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        await shop.DisposeAsync();
    }

    private static async Task InstallAsync(Shop shop)
    {
        await using var services = ToolRegistration.BuildMappingTools(TestSettings.Of(shop.Settings, []));
        await services.GetRequiredService<IMappingTools>().InstallAsync(default);
    }

    /// <summary>The audit runs ten times a second, also after a repair that failed.</summary>
    private sealed class ImpatientTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == AuditLoop.Interval || dueTime == AuditLoop.RetryInterval ? TimeSpan.FromMilliseconds(100) : dueTime, period);
    }
}
