namespace ProductCache.Infrastructure.Postgres;

/// <summary>Triggers.sql, which creates or replaces the functions and triggers of the products and the outbox.</summary>
internal static class TriggerScript
{
    public static string Text { get; } = Load();

    /// <summary>For a table without the column attributes.</summary>
    public static string WithoutAttributes { get; } = Text.Replace("OR OLD.attributes IS DISTINCT FROM NEW.attributes", string.Empty, StringComparison.Ordinal);

    private static string Load()
    {
        using var stream = typeof(TriggerScript).Assembly.GetManifestResourceStream($"{typeof(TriggerScript).Namespace}.Triggers.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
