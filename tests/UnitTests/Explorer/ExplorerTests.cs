using ProductCache.TestSupport.Explorer;

namespace ProductCache.UnitTests.Explorer;

/// <summary>
/// The real use cases on the fake that passes the contract of Redis: every interleaving of two changes, readers and Workers with
/// any single fault.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class ExplorerTests
{
    /// <summary>Many times what the longest scenario takes on an idle machine; a busy one may take that much longer.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public static IEnumerable<string> ScenarioNames => Scenarios.Short.Select(scenario => scenario.Name);

    public static IEnumerable<string> BehindNames => Scenarios.Behind.Select(scenario => scenario.Name);

    public static IEnumerable<string> MutantNames => Mutants.All.Select(mutant => mutant.Name);

    [TestCaseSource(nameof(ScenarioNames))]
    public void EveryInterleavingWithOneFaultKeepsEveryPromise(string scenario) =>
        Explore(Scenarios.Short.Single(one => one.Name == scenario));

    [TestCaseSource(nameof(BehindNames))]
    public void AWorkerThatTakesARequestAfterItsLeaseHasEndedServesTheReader(string scenario) =>
        Explore(Scenarios.Behind.Single(one => one.Name == scenario));

    [TestCaseSource(nameof(MutantNames))]
    public void AMissingRuleIsFound(string rule)
    {
        var mutant = Mutants.All.Single(one => one.Name == rule);

        var result = Exploration.Run(mutant.FoundIn, mutant, Limit);

        Assert.That(result.Violation, Is.Not.Null, $"{result}");
        TestContext.Out.WriteLine($"{result.States:N0} states, {result.Time.TotalSeconds:F2} s{Environment.NewLine}{result.Violation}");
    }

    private static void Explore(Scenario scenario)
    {
        var result = Exploration.Run(scenario, Mutant.None, Limit);

        TestContext.Out.WriteLine($"{result.States:N0} states, {result.Steps:N0} steps, {result.Time.TotalSeconds:F1} s");
        Assert.That(result.Violation, Is.Null, result.Violation);
        Assert.That(result.IsComplete, $"{result}");
    }
}
