using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>The settings that all clients of a rider share.</summary>
internal sealed class ClientSettings(ClientConfig config)
{
    private volatile ClientConfig current = config;
    private volatile int generation;

    public ClientConfig Config => current;

    /// <summary>Changes with the settings: a client of an earlier generation is to be replaced.</summary>
    public int Generation => generation;

    public Action<IClient, string>? RefreshToken { get; set; }

    /// <summary>Begins a new generation. Called by one thread at a time.</summary>
    public void Change(Action<ClientConfig>? change)
    {
        var changed = new ClientConfig(new Dictionary<string, string>(current));
        change?.Invoke(changed);
        current = changed;
        generation++;
    }

    /// <summary>A copy of the shared settings with those of one client, which take precedence.</summary>
    public ProducerConfig With(ProducerConfig own) => new(Merge(own));

    /// <inheritdoc cref="With(ProducerConfig)"/>
    public ConsumerConfig With(ConsumerConfig own) => new(Merge(own));

    /// <summary>The builder of a client that reads bytes and refreshes its token like all others.</summary>
    public ConsumerBuilder<byte[]?, byte[]?> NewConsumer(ConsumerConfig config)
    {
        var builder = new ConsumerBuilder<byte[]?, byte[]?>(config).SetKeyDeserializer(RawBytes.Instance).SetValueDeserializer(RawBytes.Instance);
        return RefreshToken is { } refresh ? builder.SetOAuthBearerTokenRefreshHandler(refresh) : builder;
    }

    private Dictionary<string, string> Merge(ClientConfig own)
    {
        Dictionary<string, string> merged = new(current);
        foreach (var (key, value) in own)
        {
            merged[key] = value;
        }

        return merged;
    }
}

/// <summary>Passes keys and values through: the native clients handle bytes only.</summary>
internal sealed class RawBytes : ISerializer<byte[]?>, IDeserializer<byte[]?>
{
    public static readonly RawBytes Instance = new();

    public byte[]? Serialize(byte[]? data, SerializationContext context) => data;

    public byte[]? Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) => isNull ? null : data.ToArray();
}
