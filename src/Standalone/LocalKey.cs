using ProductCache.Infrastructure.Security;

namespace ProductCache.Standalone;

/// <summary>
/// The API key of the local user. It is created at the first start and printed once; the data folder keeps its line, to which others may be
/// added. No key is created if API_KEYS or API_KEYS_FILE is set.
/// </summary>
internal sealed class LocalKey
{
    private const string Client = "local";

    private static readonly string[] Settings = ["API_KEYS", "API_KEYS_FILE"];

    private readonly DataFolder folder;
    private readonly NewApiKey? made;
    private readonly bool isForeign;

    public LocalKey(DataFolder folder)
    {
        this.folder = folder;
        isForeign = Settings.Any(name => !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(name)));
        made = isForeign || File.Exists(folder.KeyFile) ? null : NewApiKey.Create(Client, Scopes.All);
    }

    public void AddTo(Dictionary<string, string> settings)
    {
        if (made is not null)
        {
            settings["API_KEYS"] = made.Line;
        }
        else if (!isForeign)
        {
            settings["API_KEYS_FILE"] = folder.KeyFile;
        }
    }

    /// <summary>Stores the key. Called when everything runs and the key can be printed: the key of a failed start would be lost.</summary>
    /// <returns>The line to print.</returns>
    public string Keep()
    {
        if (made is null)
        {
            return isForeign
                ? $"API keys: as set by {string.Join(" or ", Settings)}."
                : $"API key: created at the first start; its hash is in {folder.KeyFile}. ./run key creates others. Without the file, the next start creates a key.";
        }

        folder.WriteKey(made.Line);
        return $"API key: {made.Text} (shown once; kept as a hash in {folder.KeyFile})";
    }
}
