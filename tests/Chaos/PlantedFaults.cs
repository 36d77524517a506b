namespace ProductCache.Chaos;

/// <summary>
/// Faults of the service itself, to see that the checks catch them: --fault=name replaces a part of every Api and Worker
/// process by a wrong one.
/// </summary>
internal static class PlantedFaults
{
    public static IReadOnlyDictionary<string, Action<IServiceCollection>> All { get; } = new Dictionary<string, Action<IServiceCollection>>();
}
