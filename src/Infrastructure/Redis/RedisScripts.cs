namespace ProductCache.Infrastructure.Redis;

/// <summary>The steps of the protocol, one Lua script each, in Scripts/.</summary>
internal sealed record RedisScripts
{
    public static readonly RedisScripts Default = new();

    public string Lease { get; init; } = Load("lease");

    public string Early { get; init; } = Load("early");

    public string Renew { get; init; } = Load("renew");

    public string Claim { get; init; } = Load("claim");

    public string Fill { get; init; } = Load("fill");

    public string Release { get; init; } = Load("release");

    public string Change { get; init; } = Load("change");

    public string Refresh { get; init; } = Load("refresh");

    public string Notify { get; init; } = Load("notify");

    private static string Load(string name)
    {
        using var stream = typeof(RedisScripts).Assembly.GetManifestResourceStream($"{typeof(RedisScripts).Namespace}.Scripts.{name}.lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
