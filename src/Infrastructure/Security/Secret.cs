namespace ProductCache.Infrastructure.Security;

/// <summary>A secret: the text of a setting, or the content of a file, which is read again when it changes.</summary>
public sealed class Secret
{
    private readonly ReloadedFile<string>? file;
    private readonly string text;

    private Secret(string setting, string text, string? path)
    {
        Setting = setting;
        this.text = text;
        file = path is null ? null : new ReloadedFile<string>([path], Parse);
        Files = path is null ? [] : [path];
    }

    /// <summary>The name of the setting that has it, for messages: DB_PASSWORD or DB_PASSWORD_FILE.</summary>
    public string Setting { get; }

    public IReadOnlyList<string> Files { get; }

    /// <summary>The current text; empty if there is no secret.</summary>
    public string Value => file?.Current ?? text;

    public static Secret OfText(string setting, string text) => new(setting, text, null);

    public static Secret OfFile(string setting, string path) => new(setting, string.Empty, path);

    private static string Parse(IReadOnlyList<string> texts)
    {
        var secret = texts[0].TrimEnd('\r', '\n');
        return secret.Length > 0 ? secret : throw new FormatException("The file is empty.");
    }
}
