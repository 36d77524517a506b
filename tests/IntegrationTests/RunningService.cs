using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ProductCache.Api;
using ProductCache.Application;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using ProductCache.Worker;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests;

/// <summary>An Api and a Worker in this process, on the shared servers, with a schema and a namespace of their own.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly WebApplication api;
    private readonly WebApplication worker;
    private readonly NpgsqlDataSource dataSource;

    private RunningService(WebApplication api, WebApplication worker, NpgsqlDataSource dataSource, IReadOnlyDictionary<string, string> settings, NewApiKey key)
    {
        (this.api, this.worker, this.dataSource, Settings) = (api, worker, dataSource, settings);
        Api = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{settings["API_PORT"]}") };
        Api.DefaultRequestHeaders.Add("Authorization", $"Bearer {key.Text}");
        Worker = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{settings["WORKER_PORT"]}") };
    }

    /// <summary>With a key of all scopes.</summary>
    public HttpClient Api { get; }

    public HttpClient Worker { get; }

    public IReadOnlyDictionary<string, string> Settings { get; }

    public IServiceProvider WorkerServices => worker.Services;

    public static async Task<RunningService> StartAsync(Action<IServiceCollection>? configure = null, params (string Name, string Value)[] extra)
    {
        var (postgres, redis, kafka) = (await SharedServers.Postgres, await SharedServers.Redis, await SharedServers.Kafka);
        var name = $"run_{Guid.NewGuid():N}"[..16];
        var database = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { SearchPath = name };
        var key = NewApiKey.Create("tests", Scopes.All);
        Dictionary<string, string> settings = new(kafka.ClientSettings)
        {
            ["DB_HOST"] = database.Host!,
            ["DB_PORT"] = database.Port.ToString(CultureInfo.InvariantCulture),
            ["DB_NAME"] = database.Database!,
            ["DB_USER"] = database.Username!,
            ["DB_PASSWORD"] = database.Password!,
            ["DB_SCHEMA"] = name,
            ["CACHE_NAMESPACE"] = name,
            ["REDIS_HOST"] = redis.Host,
            ["REDIS_PORT"] = $"{redis.Port}",
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["API_KEYS"] = key.Line,
            ["API_PORT"] = $"{TestServer.FreePort()}",
            ["WORKER_PORT"] = $"{TestServer.FreePort()}",
        };
        foreach (var (setting, value) in extra)
        {
            settings[setting] = value;
        }

        (database.Database, database.SearchPath) = (settings["DB_NAME"], settings["DB_SCHEMA"]);
        string[] arguments = [.. settings.Select(setting => $"--{setting.Key}={setting.Value}")];
        var worker = WorkerHost.Build(arguments, configure ?? (_ => { }));
        var api = ApiHost.Build(arguments, configure ?? (_ => { }));
        await worker.StartAsync();
        await api.StartAsync();
        var running = new RunningService(api, worker, NpgsqlDataSource.Create(database.ConnectionString), settings, key);
        foreach (var client in new[] { running.Worker, running.Api })
        {
            await Eventually.TrueAsync(async () =>
            {
                using var ready = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return ready.IsSuccessStatusCode;
            });
        }

        return running;
    }

    /// <summary>One transaction.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<object?> ScalarAsync(string sql)
    {
        await using var command = dataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Reads a product, and waits for its fill.</summary>
    /// <returns>The body of a 200 or 404.</returns>
    public Task<string> ReadAsync(long id) => ReadAsync($"{id}");

    /// <inheritdoc cref="ReadAsync(long)"/>
    public async Task<string> ReadAsync(string id)
    {
        var text = string.Empty;
        await Eventually.TrueAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/productapp/{id}/") { Headers = { { "Prefer", "wait=10" } } };
            using var answer = await Api.SendAsync(request);
            text = await answer.Content.ReadAsStringAsync();
            return (int)answer.StatusCode is 200 or 404;
        });
        return text;
    }

    /// <summary>Gives a cached product another body, with the header that it has.</summary>
    public async Task SpoilAsync(long id)
    {
        var server = await SharedServers.Redis;
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{server.Host}:{server.Port}");
        RedisKey key = $"{Settings["CACHE_NAMESPACE"]}:product:{{{id}}}";
        byte[] data = (await redis.GetDatabase().HashGetAsync(key, "data"))!;
        await redis.GetDatabase().HashSetAsync(key, "data", (byte[])[.. data.AsSpan(0, CachedProduct.HeaderLength), .. "{\"id\":1,\"name\":\"Bad\"}"u8]);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        Worker.Dispose();
        await api.DisposeAsync();
        await worker.DisposeAsync();
        await dataSource.DisposeAsync();
    }
}
