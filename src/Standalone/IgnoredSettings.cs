using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Standalone;

/// <summary>Settings of servers that this process starts itself. Those that are set are reported, and count as not set.</summary>
internal sealed class IgnoredSettings
{
    // With a mapping, the PostgreSQL is the one that has its tables.
    private static readonly string[] OfPostgres =
    [
        "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_PASSWORD_FILE", "DB_CONNECTION_STRING", "DB_CONNECTION_STRING_FILE",
        "DB_SSL_MODE", "DB_SSL_CA_FILE", "DB_SSL_CERT_FILE", "DB_SSL_KEY_FILE", "DB_SCHEMA", "DB_MIGRATE",
    ];

    private static readonly string[] OfRedis =
    [
        "REDIS_HOST", "REDIS_PORT", "REDIS_USER", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_DATABASE",
        "REDIS_TLS", "REDIS_CA_FILE", "REDIS_CERT_FILE", "REDIS_KEY_FILE",
        "REDIS_SENTINEL_SERVICE", "REDIS_SENTINEL_USER", "REDIS_SENTINEL_PASSWORD", "REDIS_SENTINEL_PASSWORD_FILE",
    ];

    private static readonly string[] OfKafka =
    [
        "KAFKA_GROUP", "KAFKA_FETCH_WAIT_MS", "KAFKA_CREATE_TOPICS", "KAFKA_PARTITIONS", "KAFKA_REPLICATION", "CACHE_NAMESPACE",
        "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USER", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE",
        "KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_KEY_FILE", "KAFKA_OAUTH_TOKEN_URL", "KAFKA_OAUTH_SCOPE", "KAFKA_OAUTH_CA_FILE",
    ];

    private readonly bool hasKafka = IsSet("KAFKA_BOOTSTRAP");

    /// <summary>Whether the products are those of a mapping, in a PostgreSQL of the user.</summary>
    public bool HasMapping { get; } = IsSet(MappingSettings.Setting);

    private IEnumerable<string> OfServers => HasMapping ? OfRedis : OfPostgres.Concat(OfRedis);

    public void Report(TextWriter output)
    {
        Report(output, OfServers, $"This process starts its own {(HasMapping ? "Redis" : "PostgreSQL and Redis")}. Start Api and Worker separately to use others.");
        if (!hasKafka)
        {
            Report(output, OfKafka, "Kafka is embedded and has its own settings. Set KAFKA_BOOTSTRAP to use another one.");
        }
    }

    public IEnumerable<KeyValuePair<string, string>> AsEmpty() =>
        OfServers.Concat(hasKafka ? [] : OfKafka).Select(name => KeyValuePair.Create(name, string.Empty));

    private static void Report(TextWriter output, IEnumerable<string> names, string reason)
    {
        if (names.Where(IsSet).ToList() is { Count: > 0 } ignored)
        {
            output.WriteLine($"Ignored: {string.Join(", ", ignored)}. {reason}");
        }
    }

    private static bool IsSet(string name) => !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(name));
}
