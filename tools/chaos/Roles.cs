using ProductCache.Api;
using ProductCache.Chaos.Mapped;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Worker;

namespace ProductCache.Chaos;

/// <summary>This program as a process of the service: the same hosts that users run, with a planted fault if one is named.</summary>
internal static class Roles
{
    public const string Api = "api";
    public const string Worker = "worker";

    public static Task<int> RunAsync(string role, IEnumerable<string> args)
    {
        string[] all = [.. args];
        var plant = PlantedFaults.All.Concat(MappedFaults.Services)
            .Where(fault => all.Contains(Arguments.Option(fault.Key)))
            .Aggregate((Action<IServiceCollection>)(_ => { }), (before, fault) => before + fault.Value);
        return ServiceProcess.RunAsync(all, role == Api ? rest => ApiHost.Build(rest, plant) : rest => WorkerHost.Build(rest, plant));
    }
}
