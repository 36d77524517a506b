using System.Security.Authentication;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// REDIS_HOST (one or, for a cluster or for Sentinels, several separated by commas, each with a port if it is not REDIS_PORT), REDIS_PORT,
/// REDIS_USER, REDIS_PASSWORD (or REDIS_PASSWORD_FILE), REDIS_DATABASE, REDIS_TLS, REDIS_CA_FILE, REDIS_CERT_FILE, REDIS_KEY_FILE,
/// REDIS_SENTINEL_SERVICE with REDIS_SENTINEL_USER and REDIS_SENTINEL_PASSWORD, CACHE_NAMESPACE.
/// </summary>
public sealed record RedisOptions(ConfigurationOptions Connection)
{
    private const string TlsSetting = "REDIS_TLS";
    private const string SentinelSetting = "REDIS_SENTINEL_SERVICE";
    private const string DatabaseSetting = "REDIS_DATABASE";

    private const int DefaultPort = 6379;
    private const int DefaultSentinelPort = 26379;

    /// <summary>The timeout of a command of a reader.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromMilliseconds(150);

    /// <summary>The timeout of a step of a Worker on a batch.</summary>
    public static readonly TimeSpan BatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The timeout of the first commands in the life of a process.</summary>
    public static readonly TimeSpan FirstTimeout = TimeSpan.FromMilliseconds(700);

    /// <summary>The timeout of a connection that is made.</summary>
    public static readonly TimeSpan DialTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The limit of any command while Redis answers others.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>How long a lease lasts without a fill. Afterwards the next reader requests the product again.</summary>
    public static readonly TimeSpan LeaseLifetime = TimeSpan.FromSeconds(5);

    /// <summary>The names of keys and of the channel.</summary>
    public RedisNames Names { get; init; } = RedisNames.Default;

    /// <summary>Verifies the certificates of the servers. Null: no TLS.</summary>
    public ServerCertificateCheck? CertificateCheck { get; init; }

    /// <summary>The setting that has the password, for messages.</summary>
    public string PasswordSetting { get; init; } = "REDIS_PASSWORD";

    public static RedisOptions Read(Settings settings)
    {
        var sentinel = settings.Text(SentinelSetting, string.Empty);
        var port = settings.Port("REDIS_PORT", sentinel.Length > 0 ? DefaultSentinelPort : DefaultPort);
        var user = settings.Text("REDIS_USER", string.Empty);
        var password = settings.SecretSource("REDIS_PASSWORD", string.Empty);
        var database = settings.Number(DatabaseSetting, 0, 0, 1_000_000);
        var connection = new ConfigurationOptions
        {
            ClientName = "product-cache",
            User = user.Length > 0 ? user : null,
            DefaultDatabase = database,

            // Redis may be unavailable at the start. Commands fail at once meanwhile and are not queued.
            AbortOnConnectFail = false,
            BacklogPolicy = BacklogPolicy.FailFast,
            ConnectTimeout = (int)DialTimeout.TotalMilliseconds,
            AsyncTimeout = (int)Limit.TotalMilliseconds,
            SyncTimeout = (int)Limit.TotalMilliseconds,
            KeepAlive = 1,
            ReconnectRetryPolicy = new LinearRetry(250),

            // A key of the client library, for a primary that it has appointed itself: an account needs no right on it.
            TieBreaker = string.Empty,
        };
        if (password.Value.Length > 0)
        {
            connection.Defaults = new CurrentPassword(password);
        }
        else if (user.Length > 0)
        {
            settings.Refuse("REDIS_USER needs REDIS_PASSWORD or REDIS_PASSWORD_FILE.");
        }

        foreach (var endpoint in settings.Endpoints("REDIS_HOST", port))
        {
            connection.EndPoints.Add(endpoint.Host, endpoint.Port);
        }

        ReadSentinel(settings, connection, sentinel);
        var names = RedisNames.Of(CacheNamespace.Read(settings), database);

        // Another of its channels, by which it opens the connection for subscriptions at once. The name is one that our accounts may use.
        connection.ConfigurationChannel = $"{names.Channel}:configuration";
        return new RedisOptions(connection)
        {
            Names = names,
            CertificateCheck = ReadTls(settings, connection),
            PasswordSetting = password.Setting,
        };
    }

    private static void ReadSentinel(Settings settings, ConfigurationOptions connection, string service)
    {
        var user = settings.Text("REDIS_SENTINEL_USER", string.Empty);
        var password = settings.Secret("REDIS_SENTINEL_PASSWORD", string.Empty);
        if (service.Length > 0)
        {
            // Without a user and a password of their own, Sentinels get no login: they rarely have the one of Redis.
            (connection.ServiceName, connection.SentinelUser, connection.SentinelPassword) = (service, user, password);
        }
        else if (user.Length > 0 || password.Length > 0)
        {
            settings.Refuse($"REDIS_SENTINEL_USER and REDIS_SENTINEL_PASSWORD have no effect without {SentinelSetting}.");
        }
    }

    private static ServerCertificateCheck? ReadTls(Settings settings, ConfigurationOptions connection)
    {
        var files = TlsFiles.Read(settings, "REDIS");
        if (!settings.Flag(TlsSetting, false))
        {
            if (!files.IsEmpty)
            {
                settings.Refuse($"REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE have no effect while {TlsSetting} is false.");
            }

            return null;
        }

        var check = new ServerCertificateCheck(files);
        connection.Ssl = true;
        connection.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        connection.CertificateValidation += check.Accept;
        if (files.CertificateFile is not null)
        {
            connection.CertificateSelection += (_, _, _, _, _) => files.ClientCertificate!;
        }

        return check;
    }

    /// <summary>Reads the password for each connection, so that a file may be replaced.</summary>
    private sealed class CurrentPassword(Secret password) : DefaultOptionsProvider
    {
        public override string Password => password.Value;
    }
}
