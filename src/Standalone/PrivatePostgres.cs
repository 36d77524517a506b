using System.Globalization;
using Npgsql;

namespace ProductCache.Standalone;

/// <summary>A private PostgreSQL server: the programs of Debian, a data folder of its own, loopback only.</summary>
public sealed class PrivatePostgres : IPrivateServer, IAsyncDisposable
{
    /// <summary>The owner of the database, without further permissions.</summary>
    public const string User = "product";

    private const string Administrator = "postgres";
    public const string Database = "products";

    private const string PasswordFile = "password";
    private const string AdministratorPasswordFile = "administrator-password";

    private static readonly TimeSpan InitTimeout = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    private readonly string folder;
    private readonly string programs;
    private readonly string[] settings;
    private ChildProcess? server;

    private PrivatePostgres(string folder, string programs, int port, string[] settings)
    {
        this.settings = settings;
        this.folder = folder;
        this.programs = programs;
        Port = port;
        Password = File.ReadAllText(Path.Combine(folder, PasswordFile));
        var administrator = Path.Combine(folder, AdministratorPasswordFile);

        // In a data folder of an earlier version, the user of the service is the administrator.
        AdministratorConnectionString = File.Exists(administrator)
            ? ConnectionStringOf(Administrator, File.ReadAllText(administrator), "postgres")
            : ConnectionStringOf(User, Password, "postgres");
    }

    public int Port { get; }

    public string Password { get; }

    public int ProcessId => server?.Id ?? throw new InvalidOperationException("Not running.");

    public string ConnectionString => ConnectionStringOf(User, Password, Database);

    /// <summary>The settings of a process that uses it.</summary>
    public IEnumerable<KeyValuePair<string, string>> Settings =>
    [
        new("DB_HOST", "127.0.0.1"),
        new("DB_PORT", Port.ToString(CultureInfo.InvariantCulture)),
        new("DB_NAME", Database),
        new("DB_USER", User),
        new("DB_PASSWORD", Password),
    ];

    /// <summary>The connection string of the superuser, for the database postgres.</summary>
    public string AdministratorConnectionString { get; }

    // PostgreSQL refuses to run as root.
    private static string? RunAs => Environment.UserName == "root" ? "postgres" : null;

    /// <summary>Starts with the data of the folder, or creates a new database if there is none.</summary>
    /// <param name="settings">Settings of postgresql.conf: <c>name=value</c>.</param>
    public static async Task<PrivatePostgres> StartAsync(string folder, int port, params string[] settings)
    {
        var programs = FindPrograms();
        var data = Path.Combine(folder, "data");
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
        {
            await CreateAsync(folder, data, programs);
        }

        var postgres = new PrivatePostgres(folder, programs, port, settings);
        try
        {
            await postgres.StartAsync();
            await postgres.CreateDatabaseAsync();
            return postgres;
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts or restarts the server, and returns when it answers.</summary>
    public async Task StartAsync()
    {
        server = ChildProcess.Start(
            RunAs,
            ChildProcess.SIGINT,
            StopTimeout,
            Path.Combine(programs, "postgres"),
            [
                "-D", Path.Combine(folder, "data"),
                "-p", Port.ToString(CultureInfo.InvariantCulture),
                "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=",
                "-c", "timezone=UTC",
                "-c", "log_timezone=UTC",
                .. settings.SelectMany(setting => new[] { "-c", setting }),
            ]);
        await Retry.UntilAsync(
            async () =>
            {
                if (server.HasExited)
                {
                    throw new StandaloneException($"PostgreSQL did not start:{Environment.NewLine}{server.LastLines}");
                }

                await using var connection = new NpgsqlConnection(AdministratorConnectionString);
                await connection.OpenAsync();
            },
            exception => exception is NpgsqlException,
            StartTimeout,
            "PostgreSQL");
    }

    public Task<int> EndedAsync() => server?.EndedAsync() ?? throw new InvalidOperationException("Not running.");

    public async Task StopAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
            server = null;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static async Task CreateAsync(string folder, string data, string programs)
    {
        Directory.CreateDirectory(folder, DataFolder.OwnerOnly);
        var administratorPassword = Path.Combine(folder, AdministratorPasswordFile);
        DataFolder.WriteForOwner(administratorPassword, DataFolder.NewPassword());
        DataFolder.WriteForOwner(Path.Combine(folder, PasswordFile), DataFolder.NewPassword());
        if (RunAs is { } user)
        {
            await ChildProcess.RunAsync(null, "chown", ["-R", $"{user}:{user}", folder], InitTimeout);
        }

        await ChildProcess.RunAsync(
            RunAs,
            Path.Combine(programs, "initdb"),
            ["-D", data, "-U", Administrator, "--pwfile", administratorPassword, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"],
            InitTimeout);
    }

    private static string FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var folders = Directory.Exists(debian) ? Directory.GetDirectories(debian) : [];
        var newest = folders
            .Select(folder => Path.Combine(folder, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "postgres")))
            .MaxBy(bin => double.TryParse(bin.Split('/')[^2], CultureInfo.InvariantCulture, out var version) ? version : 0);
        return newest ?? throw new StandaloneException("PostgreSQL is not installed: apt-get install postgresql.");
    }

    private async Task CreateDatabaseAsync()
    {
        await using var connection = new NpgsqlConnection(AdministratorConnectionString);
        await connection.OpenAsync();
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection);
        exists.Parameters.AddWithValue(Database);
        if (await exists.ExecuteScalarAsync() is null)
        {
            await CreateUserAsync(connection);
            await using var create = new NpgsqlCommand($"CREATE DATABASE {Database} OWNER {User}", connection);
            await create.ExecuteNonQueryAsync();
        }
    }

    // The password consists of hexadecimal digits, so it needs no escape.
    private async Task CreateUserAsync(NpgsqlConnection connection)
    {
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_roles WHERE rolname = $1", connection);
        exists.Parameters.AddWithValue(User);
        if (await exists.ExecuteScalarAsync() is null)
        {
            await using var create = new NpgsqlCommand($"CREATE ROLE {User} LOGIN PASSWORD '{Password}'", connection);
            await create.ExecuteNonQueryAsync();
        }
    }

    private string ConnectionStringOf(string user, string password, string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = user,
        Password = password,
        Database = database,
        Timeout = 5,
    }.ConnectionString;
}
