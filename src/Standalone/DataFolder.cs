using System.Globalization;
using System.Security.Cryptography;

namespace ProductCache.Standalone;

/// <summary>
/// The folder with the data of the private PostgreSQL: PRODUCTCACHE_DATA, else /var/lib/product-cache for root (the user postgres can
/// reach it) and ~/.local/share/product-cache for other users. One process at a time may use it.
/// </summary>
public sealed class DataFolder : IDisposable
{
    /// <summary>The mode of folders with passwords.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly FileStream lockFile;

    private DataFolder(string path, FileStream lockFile)
    {
        Path = path;
        this.lockFile = lockFile;
    }

    public string Path { get; }

    /// <summary>The file with the lines of API_KEYS.</summary>
    public string KeyFile => System.IO.Path.Combine(Path, "api-keys");

    // Read by ./run psql, ./run redis-cli and ./run cli.
    private static readonly string[] ConnectionSettings = ["DB_", "REDIS_", "KAFKA_", "CACHE_"];

    private string ConnectionFile => System.IO.Path.Combine(Path, "connection.env");

    /// <exception cref="StandaloneException">Another process uses the folder, or it cannot be written.</exception>
    public static DataFolder Open()
    {
        var path = Environment.GetEnvironmentVariable("PRODUCTCACHE_DATA") is { Length: > 0 } named
            ? System.IO.Path.GetFullPath(named)
            : Environment.UserName == "root"
                ? "/var/lib/product-cache"
                : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "product-cache");
        try
        {
            // Servers that run as other users traverse it to their own folders.
            var mode = Environment.UserName == "root" ? OwnerOnly | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute : OwnerOnly;
            Directory.CreateDirectory(path, mode);
            var file = new FileStream(System.IO.Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new DataFolder(path, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StandaloneException($"The data folder {path} cannot be used (is ProductCache running there already?): {exception.Message}");
        }
    }

    /// <param name="postgres">Null: the PostgreSQL is one of the user.</param>
    public void WriteConnection(PrivatePostgres? postgres, PrivateRedis redis) => WriteForOwner(ConnectionFile, string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {(postgres is null ? string.Empty : $"""
        PGHOST=127.0.0.1
        PGPORT={postgres.Port}
        PGUSER={PrivatePostgres.User}
        PGPASSWORD={postgres.Password}
        PGDATABASE={PrivatePostgres.Database}
        """)}
        REDIS_PORT={redis.Port}
        REDISCLI_AUTH={redis.Password}

        """));

    /// <summary>Adds the settings of the services, for the command line.</summary>
    public void AddConnection(IEnumerable<KeyValuePair<string, string>> settings) => File.AppendAllLines(
        ConnectionFile, settings.Where(setting => setting.Key != "REDIS_PORT" && ConnectionSettings.Any(beginning => setting.Key.StartsWith(beginning, StringComparison.Ordinal)))
            .Select(setting => $"{setting.Key}='{setting.Value}'"));

    public void WriteKey(string line) => WriteForOwner(KeyFile, $"{line}\n");

    public static string NewPassword() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public void Dispose()
    {
        File.Delete(ConnectionFile);
        lockFile.Dispose();
    }

    /// <summary>Writes a file that only the owner may read, from its creation on.</summary>
    public static void WriteForOwner(string file, string text)
    {
        using var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        using var writer = new StreamWriter(stream);
        writer.Write(text);
    }
}
