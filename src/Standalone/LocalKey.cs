using ProductCache.Api.Auth;

namespace ProductCache.Standalone;

/// <summary>
/// The API key of whoever starts it: made at the first start and told once; the data folder keeps its line, to which others
/// may be added. None where API_KEYS or API_KEYS_FILE say who has keys.
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

    /// <summary>To be kept once everything runs, when its text can be told: nobody would know the key of a start that failed.</summary>
    /// <returns>What to tell.</returns>
    public string Keep()
    {
        if (made is null)
        {
            return isForeign
                ? $"API keys: those of {string.Join(" or ", Settings)}."
                : $"API key: that of the first start, its hash is in {folder.KeyFile}. ./run key makes others; without the file, the next start does.";
        }

        folder.WriteKey(made.Line);
        return $"API key: {made.Text} (shown once; kept as a hash in {folder.KeyFile})";
    }
}
