using Confluent.Kafka;
using MassTransit;

namespace ProductCache.RiderTests.UserCode;

/// <summary>The ways to produce.</summary>
internal sealed class Shop(ITopicProducerProvider provider)
{
    public static async Task NotesAsync<T>(ITopicProducer<T> producer, Func<string, T> make)
        where T : class
    {
        await producer.Produce(make("message"));
        await producer.Produce(make("message, pipe"), Pipe.Execute<KafkaSendContext<T>>(context => context.CorrelationId = NewId.NextGuid()));
        await producer.Produce(new { Text = "values" });
        await producer.Produce(new { Text = "values, pipe" }, Pipe.Execute<KafkaSendContext<T>>(context => context.Partition = 0), CancellationToken.None);
    }

    public static async Task ParcelsAsync<T>(ITopicProducer<string, T> producer, Func<string, T> make)
        where T : class
    {
        await producer.Produce("message", make("message"));
        await producer.Produce("to be replaced", make("message, pipe"), Pipe.Execute<KafkaSendContext<string, T>>(context => context.Key = "message, pipe"));
        await producer.Produce("values", new { Text = "values" });
        await producer.Produce("values, pipe", new { Text = "values, pipe" }, Pipe.Execute<KafkaSendContext<string, T>>(context => context.Partition = 0));
    }

    public static Task DeleteAsync<T>(ITopicProducer<string, T> producer, string key, T any)
        where T : class =>
        producer.Produce(key, any, Pipe.Execute<KafkaSendContext<string, T>>(context => context.ValueSerializer = new TombstoneSerializer<T>()));

    public async Task MeasureAsync(string topic)
    {
        var address = new Uri($"topic:{topic}");
        await provider.GetProducer<Measured>(address).Produce(new { Text = "without a key" });
        await provider.GetProducer<string, Measured>(address).Produce("key", new { Text = "with a key" });
        await provider.GetProducer<string, Measured>(address, context => context.Message.Text).Produce(new { Text = "with its own key" });
        await provider.GetProducer<Confluent.Kafka.Null, Measured>(address).Produce(null!, new { Text = "with the key that is none" });
    }

    public static HostReceiveEndpointHandle Connect(IKafkaRider rider, string topic, ConsumerConfig config) =>
        rider.ConnectTopicEndpoint<string, Measured>(topic, config, (context, e) =>
        {
            e.AutoOffsetReset = AutoOffsetReset.Earliest;
            e.ConfigureConsumer<RecordingConsumer<Measured>>(context);
        });
}
