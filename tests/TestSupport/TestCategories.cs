namespace ProductCache.TestSupport;

/// <summary>What a fixture needs, for <c>--filter TestCategory=…</c>. Each has at least one of them.</summary>
public static class TestCategories
{
    /// <summary>No server but the processes that it starts itself.</summary>
    public const string NoServers = nameof(NoServers);

    /// <summary>PostgreSQL, Redis or Kafka that the tests of a project share.</summary>
    public const string Servers = nameof(Servers);

    /// <summary>Starts servers of its own: what <c>./run</c> and <c>./run chaos</c> start.</summary>
    public const string OwnServers = nameof(OwnServers);

    /// <summary>Stops or kills servers and processes; slow.</summary>
    public const string Outages = nameof(Outages);

    /// <summary>A container engine.</summary>
    public const string Containers = nameof(Containers);

    /// <summary>Attacks or storms beside readers whose answers are checked: the machine is shared with no other test.</summary>
    public const string Alone = nameof(Alone);

    public static readonly IReadOnlyList<string> All = [NoServers, Servers, OwnServers, Outages, Containers, Alone];
}
