using System.Globalization;
using ProductCache.TestSupport.Explorer;

// ./run explore [seconds]: the scenarios of the unit tests and larger ones, then the mutants.
const long MaxStates = 12_000_000;

// A mutant that is not found in this time counts as not found at all: many times what each needs on an idle machine.
var mutantLimit = TimeSpan.FromMinutes(3);

var seconds = args is [var text] ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : 300;
var limit = TimeSpan.FromSeconds(seconds) / Scenarios.Long.Count;
var broken = 0;

Console.WriteLine($"{"scenario",-66} {"states",12} {"steps",12} {"seconds",8}");
foreach (var scenario in Scenarios.Long)
{
    var result = Exploration.Run(scenario, Mutant.None, limit, MaxStates);
    Print(scenario.Name, result, result.Violation is not null ? "broken" : result.IsComplete ? "complete" : "in part");
    if (result.Violation is { } violation)
    {
        Console.WriteLine(violation);
        broken++;
    }
}

Console.WriteLine();
foreach (var mutant in Mutants.All)
{
    var result = Exploration.Run(mutant.FoundIn, mutant, mutantLimit, MaxStates);
    Print(mutant.Name, result, result.Violation is null ? "NOT FOUND" : "found");
    broken += result.Violation is null ? 1 : 0;
}

Console.WriteLine(broken == 0 ? "Every promise holds, and every mutant is found." : $"{broken} of these are wrong.");
return broken == 0 ? 0 : 1;

static void Print(string name, ExplorationResult result, string outcome) =>
    Console.WriteLine($"{name,-66} {result.States,12:N0} {result.Steps,12:N0} {result.Time.TotalSeconds,8:F2} {outcome}");
