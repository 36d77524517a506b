using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace ProductCache.TestSupport.Servers;

/// <summary>
/// A broker of the Kafka in KAFKA_HOME that accepts only clients with a login, over TLS, and allows only what was granted.
/// </summary>
public sealed class SecureKafka : KafkaServer
{
    private readonly KafkaScript script;

    private SecureKafka(string home)
        : base($"Kafka of {home}, secured") => (Home, script) = (home, new KafkaScript(home));

    /// <summary>The folder of the distribution.</summary>
    public string Home { get; }

    public override string Bootstrap => script.Bootstrap;

    public string CaCertificate => Path.Combine(script.Folder, "tls", "ca.crt");

    /// <summary>Who may do nothing until it is granted.</summary>
    public string User => "app";

    public string Password => "app-password";

    /// <summary>Of a client who may do everything, as the script's own.</summary>
    public ClientConfig Administrator => new()
    {
        BootstrapServers = Bootstrap,
        SecurityProtocol = SecurityProtocol.SaslSsl,
        SslCaLocation = CaCertificate,
        SaslMechanism = SaslMechanism.ScramSha512,
        SaslUsername = "admin",
        SaslPassword = "admin-password",
    };

    public override Task StartAsync() => script.RunAsync("start", "--secure");

    public override Task StopAsync() => script.RunAsync("stop");

    public override ValueTask DisposeAsync() => new(script.RunAsync("destroy"));

    public Task GrantAsync(string user, AclOperation operation, params IEnumerable<(ResourceType Type, string Name)> resources) =>
        script.RunAsync("acls", ["--add", .. Rule(user, operation, resources)]);

    public Task RevokeAsync(string user, AclOperation operation, params IEnumerable<(ResourceType Type, string Name)> resources) =>
        script.RunAsync("acls", ["--remove", "--force", .. Rule(user, operation, resources)]);

    /// <summary>Another one beside <see cref="User"/>, to whom nothing is granted yet either.</summary>
    public Task AddUserAsync(string user, string password) =>
        script.RunAsync("configs", "--alter", "--entity-type", "users", "--entity-name", user, "--add-config", $"SCRAM-SHA-512=[password={password}]");

    internal static async Task<SecureKafka> LaunchAsync(string home)
    {
        var kafka = new SecureKafka(home);
        await kafka.StartAsync();
        return kafka;
    }

    private static IEnumerable<string> Rule(string user, AclOperation operation, IEnumerable<(ResourceType Type, string Name)> resources) =>
    [
        "--allow-principal", $"User:{user}", "--operation", $"{operation}",
        .. resources.SelectMany(resource => new[] { $"--{resource.Type}".ToLowerInvariant(), resource.Name }),
    ];
}
