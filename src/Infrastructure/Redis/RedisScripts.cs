namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// The steps of the protocol, one Lua script each, in Scripts/. Scripts for a product begin with common.lua; those that need the identity of the
/// server begin with replication.lua.
/// </summary>
internal sealed record RedisScripts
{
    public static readonly RedisScripts Default = new();

    public string Lease { get; init; } = LoadStep("lease");

    public string Early { get; init; } = LoadStep("early");

    public string Renew { get; init; } = Load("replication") + LoadStep("renew");

    public string Claim { get; init; } = LoadStep("claim");

    public string Fill { get; init; } = LoadStep("fill");

    public string Release { get; init; } = LoadStep("release");

    public string Change { get; init; } = LoadStep("change");

    public string Refresh { get; init; } = LoadStep("refresh");

    public string Notify { get; init; } = Load("replication") + Load("notify");

    public string Health { get; init; } = Load("health");

    private static string LoadStep(string name) => Load("common") + Load(name);

    private static string Load(string name)
    {
        using var stream = typeof(RedisScripts).Assembly.GetManifestResourceStream($"{typeof(RedisScripts).Namespace}.Scripts.{name}.lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
