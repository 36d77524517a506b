using System.Collections.Concurrent;
using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration;
using MassTransit.KafkaIntegration.Serializers;

namespace ProductCache.RiderTests.UserCode;

/// <summary>What consumers and producers name beside the verbs: the receive context, the address of a topic, serializers.</summary>
public sealed class PlaceConsumer(ConcurrentQueue<string> places) : IConsumer<Measured>
{
    public static string PathOf(string topic) => $"/{KafkaTopicAddress.PathPrefix}/{topic}";

    public static Uri AddressOf(Uri host, string topic) => new KafkaTopicAddress(host, topic);

    public static string TopicOf(Uri host, Uri address) => new KafkaTopicAddress(host, address).Topic;

    public static Task ProduceAsJsonAsync(ITopicProducer<string, Measured> producer, string key, string text) =>
        producer.Produce(key, new { Text = text }, Pipe.Execute<KafkaSendContext<string, Measured>>(context =>
        {
            context.KeySerializer = new MassTransitAsyncJsonSerializer<string>();
            context.ValueSerializer = new MassTransitJsonSerializer<Measured>().AsAsyncOverSync();
        }));

    public static bool MayPass(Exception exception) => exception is KafkaConnectionException { IsTransient: true };

    public Task Consume(ConsumeContext<Measured> context)
    {
        var record = context.ReceiveContext as KafkaReceiveContext<Ignore, Measured>;
        places.Enqueue($"{record?.Topic}/{record?.GroupId}/{record?.Offset}");
        return Task.CompletedTask;
    }
}
