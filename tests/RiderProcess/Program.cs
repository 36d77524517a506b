using System.Globalization;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.RiderProcess;

// A member of a group that tests can kill. It writes partition and id of each order to a file once it is handled; at the order
// to hang at, if there is one, it says so and hangs.
var (bootstrap, topic, group, checkpoint, file, hangAt, milliseconds) =
    (args[0], args[1], args[2], ushort.Parse(args[3], CultureInfo.InvariantCulture), args[4], args[5], int.Parse(args[6], CultureInfo.InvariantCulture));
await using var handled = new StreamWriter(file) { AutoFlush = true };
var builder = Host.CreateApplicationBuilder();
builder.Logging.ClearProviders();
builder.Services.AddMassTransit(x =>
{
    x.DisableUsageTelemetry();
    x.UsingInMemory();
    x.AddRider(rider => rider.UsingKafka((_, k) =>
    {
        k.Host(bootstrap);
        var config = new ConsumerConfig { GroupId = group, AutoOffsetReset = AutoOffsetReset.Earliest, SessionTimeoutMs = 6_000, HeartbeatIntervalMs = 500 };
        k.TopicEndpoint<string, Order>(topic, config, endpoint =>
        {
            // Only the count commits.
            endpoint.CheckpointInterval = TimeSpan.FromHours(1);
            endpoint.CheckpointMessageCount = checkpoint;
            endpoint.Handler<Order>(async context =>
            {
                if (context.Message.OrderId == hangAt)
                {
                    handled.WriteLine("hangs");
                    await Task.Delay(Timeout.Infinite);
                }

                // The work of this consumer. It waits for no condition.
                await Task.Delay(milliseconds);
                handled.WriteLine($"{context.Partition()} {context.Message.OrderId}");
            });
        });
    }));
});
await builder.Build().RunAsync();

namespace ProductCache.RiderProcess
{
    public sealed record Order(string OrderId);
}
