namespace MassTransit;

/// <summary>The address of a topic: the address of the bus followed by <c>/kafka/{topic}</c>. The short form is <c>topic:{name}</c>.</summary>
public readonly struct KafkaTopicAddress
{
    /// <summary>The path segment before the topic.</summary>
    public const string PathPrefix = "kafka";

    /// <summary>The scheme of the short form.</summary>
    private const string TopicScheme = "topic";

    /// <summary>The name of the topic.</summary>
    public readonly string Topic;

    /// <summary>The host of the bus.</summary>
    public readonly string Host;

    /// <summary>The scheme of the bus.</summary>
    public readonly string Scheme;

    /// <summary>The port of the bus; <see langword="null"/>: the default port of the scheme.</summary>
    public readonly int? Port;

    /// <summary>The path of the bus without leading and trailing slashes; <c>/</c> if it is empty.</summary>
    public readonly string VirtualHost;

    /// <summary>Creates the address of a topic.</summary>
    /// <param name="hostAddress">The address of the bus.</param>
    /// <param name="topic">The name of the topic.</param>
    public KafkaTopicAddress(Uri hostAddress, string topic)
        : this(hostAddress, PathOf(hostAddress), topic)
    {
    }

    /// <summary>Parses an address.</summary>
    /// <param name="hostAddress">The address of the bus, for the short form.</param>
    /// <param name="address"><c>topic:{name}</c>, or an address that ends with <c>/kafka/{name}</c>.</param>
    /// <exception cref="ArgumentException">It is not the address of a topic.</exception>
    public KafkaTopicAddress(Uri hostAddress, Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsAbsoluteUri && address.Scheme == TopicScheme)
        {
            this = new KafkaTopicAddress(hostAddress, address.AbsolutePath);
            return;
        }

        if (!address.IsAbsoluteUri || address.Segments is not [.. var path, "kafka/", var topic] || topic.EndsWith('/'))
        {
            throw new ArgumentException($"{address} is not the address of a topic: use topic:name.", nameof(address));
        }

        this = new KafkaTopicAddress(address, string.Concat(path).Trim('/'), Uri.UnescapeDataString(topic));
    }

    private KafkaTopicAddress(Uri authority, string path, string topic)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        Scheme = authority.Scheme;
        Host = authority.Host;
        Port = authority.IsDefaultPort ? null : authority.Port;
        VirtualHost = path.Length == 0 ? "/" : path;
        Topic = topic;
    }

    /// <summary>The address as a URI.</summary>
    public static implicit operator Uri(in KafkaTopicAddress address) => new UriBuilder(address.Scheme, address.Host, address.Port ?? -1)
    {
        Path = address.VirtualHost == "/" ? $"{PathPrefix}/{address.Topic}" : $"{address.VirtualHost}/{PathPrefix}/{address.Topic}",
    }.Uri;

    private static string PathOf(Uri hostAddress)
    {
        ArgumentNullException.ThrowIfNull(hostAddress);
        return hostAddress.AbsolutePath.Trim('/');
    }
}
