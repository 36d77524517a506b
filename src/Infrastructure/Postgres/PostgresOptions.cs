using System.Diagnostics;
using System.Globalization;
using Npgsql;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>
/// DB_HOST (one, or several of which one is the primary), DB_PORT, DB_NAME, DB_USER, DB_PASSWORD (or DB_PASSWORD_FILE); or DB_CONNECTION_STRING
/// in their place. DB_SSL_…, DB_SCHEMA, DB_POOL_SIZE, DB_LIST_POOL_SIZE, DB_POOLER.
/// </summary>
/// <param name="TransactionPooler">
/// A pooler assigns a session to each transaction (pgbouncer with pool_mode = transaction), so that nothing that belongs to a session can
/// be used.
/// </param>
/// <param name="ListPoolSize">Connections for lists, in a pool of their own, so that lists cannot take the connections of writes.</param>
public sealed record PostgresOptions(string ConnectionString, bool TransactionPooler = false, int ListPoolSize = PostgresOptions.DefaultListPoolSize)
{
    public const int DefaultListPoolSize = 4;

    public const string HostSetting = "DB_HOST";
    public const string ConnectionStringSetting = "DB_CONNECTION_STRING";

    private const string PortSetting = "DB_PORT";
    private const string NameSetting = "DB_NAME";
    private const string UserSetting = "DB_USER";
    private const string PasswordSetting = "DB_PASSWORD";
    private const string PoolSizeSetting = "DB_POOL_SIZE";
    private const string SchemaSetting = "DB_SCHEMA";
    private const string MigrateSetting = "DB_MIGRATE";
    private const string DirectRefreshSetting = "DIRECT_REFRESH";
    private const string On = "on";
    private const string Off = "off";
    private const string None = "none";
    private const string Transaction = "transaction";

    /// <summary>The timeout of a connection and of a statement. It is below the lifetime of a lease, since a later fill is refused.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(4);

    /// <summary>The timeout of a statement of a list, on the server and in this process.</summary>
    public static readonly TimeSpan ListTimeout = TimeSpan.FromSeconds(3);

    /// <summary>How long it is remembered that a host is not the primary.</summary>
    private static readonly TimeSpan HostRecheck = TimeSpan.FromSeconds(2);

    /// <summary>The schema of our tables.</summary>
    public string Schema { get; init; } = PostgresSchema.Default;

    /// <summary>What a product is: PRODUCT_MAPPING.</summary>
    public ProductMapping Mapping { get; init; } = ProductMapping.BuiltIn;

    /// <summary>Whether a Worker migrates the schema when it starts: DB_MIGRATE. On by default for tables of this service, off for those of another owner.</summary>
    public bool Migrates { get; init; } = true;

    /// <summary>Whether a Worker brings changes from the outbox to Redis itself, beside the way through Kafka: DIRECT_REFRESH.</summary>
    public bool RefreshesDirectly { get; init; } = true;

    /// <summary>The password of new connections. Null: the one of the connection string.</summary>
    public Func<string>? Password { get; init; }

    public PostgresTls? Tls { get; init; }

    /// <summary>The settings that name the server and the login, for messages.</summary>
    public PostgresSettingNames Names { get; init; } = new(HostSetting, UserSetting, PasswordSetting);

    /// <summary>For the Api, which reads products without a database.</summary>
    /// <returns>Null: none is configured.</returns>
    public static PostgresOptions? ReadIfConfigured(Settings settings) =>
        settings.Has(HostSetting) || settings.HasSecret(ConnectionStringSetting) || settings.Has(NameSetting) || settings.Has(UserSetting)
            || settings.HasSecret(PasswordSetting)
        ? Read(settings)
        : null;

    public static PostgresOptions Read(Settings settings)
    {
        var mapping = settings.ReadMapping();
        var isPooled = settings.OneOf("DB_POOLER", None, Transaction) == Transaction;
        var poolSize = settings.Number(PoolSizeSetting, 10, 1, 1_000);
        var options = settings.HasSecret(ConnectionStringSetting) ? ReadConnectionString(settings) : ReadParts(settings);
        var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Timeout = (int)PostgresOptions.Timeout.TotalSeconds,
            CommandTimeout = (int)PostgresOptions.Timeout.TotalSeconds,
            CancellationTimeout = 1_000,
            KeepAlive = 10,
            MaxAutoPrepare = isPooled ? 0 : 20,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = isPooled,
            HostRecheckSeconds = (int)HostRecheck.TotalSeconds,

            // Otherwise a container without the Kerberos library logs a warning at every start.
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        if (settings.Has(PoolSizeSetting) || !connection.ContainsKey("Maximum Pool Size"))
        {
            connection.MaxPoolSize = poolSize;
        }

        var schema = settings.Text(SchemaSetting, mapping.IsBuiltIn ? PostgresSchema.Default : PostgresSchema.OfMappings);
        if (!PostgresSchema.IsValid(schema))
        {
            settings.Refuse($"{SchemaSetting} must be 1 to {PostgresSchema.MaxLength} of a-z, 0-9 and _, must not begin with a digit or with pg_, not '{schema}'.");
        }

        return options with
        {
            ConnectionString = connection.ConnectionString,
            TransactionPooler = isPooled,
            ListPoolSize = settings.Number("DB_LIST_POOL_SIZE", DefaultListPoolSize, 1, 1_000),
            Schema = schema,
            Migrates = (mapping.IsBuiltIn ? settings.OneOf(MigrateSetting, On, Off) : settings.OneOf(MigrateSetting, Off, On)) == On,
            RefreshesDirectly = settings.OneOf(DirectRefreshSetting, On, Off) == On,
            Mapping = mapping,
        };
    }

    /// <summary>A data source for the primary: of several hosts, the one that is it is found for each new connection.</summary>
    /// <param name="name">The name of the pool in the metrics. The default is the connection string, with host, database and user.</param>
    /// <param name="application">The application_name of the sessions, by which a DBA tells the processes apart.</param>
    internal NpgsqlDataSource CreateDataSource(string name, string application, Action<NpgsqlConnectionStringBuilder>? configure = null)
    {
        var connection = new NpgsqlConnectionStringBuilder(ConnectionString) { ApplicationName = application };
        configure?.Invoke(connection);
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString) { Name = name };
        Tls?.Apply(builder);

        // What no request or change asked for, such as the polls of the relay, would be most of all traces.
        builder.ConfigureTracing(tracing => tracing.ConfigureCommandFilter(_ => Activity.Current is not null).ConfigureBatchFilter(_ => Activity.Current is not null));
        if (Password is { } password)
        {
            builder.UsePasswordProvider(_ => password(), (_, _) => ValueTask.FromResult(password()));
        }

        return connection.Host?.Contains(',', StringComparison.Ordinal) == true
            ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary)
            : builder.Build();
    }

    private static PostgresOptions ReadParts(Settings settings)
    {
        var port = settings.Port(PortSetting, 5432);
        var hosts = settings.Endpoints(HostSetting, port);
        var tls = PostgresTls.Read(settings);

        // A certificate can be the login.
        var password = settings.SecretSource(PasswordSetting, tls.Files.CertificateFile is null ? null : string.Empty);
        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = string.Join(',', hosts.Select(host => string.Create(
                CultureInfo.InvariantCulture, $"{(host.Host.Contains(':', StringComparison.Ordinal) ? $"[{host.Host}]" : host.Host)}:{host.Port}"))),
            Port = port,
            Database = settings.Text(NameSetting),
            Username = settings.Text(UserSetting),
            SslMode = tls.Mode,
        };
        return new PostgresOptions(connection.ConnectionString)
        {
            Password = password.Value.Length > 0 ? () => password.Value : null,
            Tls = tls,
            Names = new PostgresSettingNames(HostSetting, UserSetting, password.Setting),
        };
    }

    // A connection string has the names and the TLS settings of Npgsql.
    private static PostgresOptions ReadConnectionString(Settings settings)
    {
        var secret = settings.SecretSource(ConnectionStringSetting);
        foreach (var other in new[]
        {
            HostSetting, PortSetting, NameSetting, UserSetting, PasswordSetting, $"{PasswordSetting}_FILE",
            PostgresTls.ModeSetting, "DB_SSL_CA_FILE", "DB_SSL_CERT_FILE", "DB_SSL_KEY_FILE",
        })
        {
            if (settings.Has(other))
            {
                settings.Refuse($"{other} and {secret.Setting} must not both be set.");
            }
        }

        try
        {
            var connection = new NpgsqlConnectionStringBuilder(secret.Value);
            if (string.IsNullOrEmpty(connection.Host) || string.IsNullOrEmpty(connection.Database) || string.IsNullOrEmpty(connection.Username))
            {
                settings.Refuse($"{secret.Setting} must name Host, Database and Username.");
            }

            Func<string>? password = connection.Password is null ? null : () => new NpgsqlConnectionStringBuilder(secret.Value).Password!;
            connection.Remove("Password");
            return new PostgresOptions(connection.ConnectionString)
            {
                Password = password,
                Names = new PostgresSettingNames(secret.Setting, secret.Setting, secret.Setting),
            };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // The message of the exception may contain the password.
            settings.Refuse($"{secret.Setting} must be a connection string of Npgsql: Host=…;Database=…;Username=…;Password=….");
            return new PostgresOptions(string.Empty);
        }
    }
}

/// <summary>The names of settings, for messages.</summary>
public sealed record PostgresSettingNames(string Host, string User, string Password);
