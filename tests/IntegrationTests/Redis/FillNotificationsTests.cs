using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.IntegrationTests.Redis;

public sealed class FillNotificationsTests
{
    [Test]
    public async Task TheNewsOfAFillReachesTheReadersOfAnotherProcess()
    {
        var redis = await SharedServers.Redis;
        await using var worker = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port}");
        await using var api = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port}");
        ConcurrentQueue<ProductId> woken = new();
        using var listener = new FillListener(api, ids => ids.ToList().ForEach(woken.Enqueue), NullLogger<FillListener>.Instance);
        await listener.StartAsync(default);
        await listener.ExecuteTask!;

        var (first, second) = (NewId(), NewId());
        await new FillNotifications(worker, RedisGuardedCacheContract.Deadline).FilledAsync([first, second], default);

        await Eventually.TrueAsync(() => woken.Count == 2);
        Assert.That(woken, Is.EqualTo(new[] { first, second }));
    }

    [Test]
    public async Task WhatIsNotAListOfIdsIsIgnored()
    {
        var redis = await SharedServers.Redis;
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port}");
        ConcurrentQueue<ProductId> woken = new();
        using var listener = new FillListener(connection, ids => ids.ToList().ForEach(woken.Enqueue), NullLogger<FillListener>.Instance);
        await listener.StartAsync(default);
        await listener.ExecuteTask!;

        var id = NewId();
        await connection.GetSubscriber().PublishAsync(FillNotifications.Channel, $"x,,-1,0,99999999999999999999,{id}");

        await Eventually.TrueAsync(() => !woken.IsEmpty);
        Assert.That(woken, Is.EqualTo(new[] { id }));
    }
}
