using System.Globalization;
using ProductCache.Chaos.Mapped;

namespace ProductCache.Chaos;

/// <summary>chaos [seconds] [seed] [--mapped] [--plan] [--keep] [--fault=name]</summary>
/// <param name="Plan">Print the schedule of faults only.</param>
/// <param name="Keep">Keep the logs even without violations.</param>
/// <param name="Fault">A planted fault; null: no fault is planted.</param>
/// <param name="Mapped">The products are those of a mapping, and not of the built-in table.</param>
internal sealed record Arguments(TimeSpan Length, int Seed, bool Plan, bool Keep, string? Fault, bool Mapped = false)
{
    private const int DefaultSeconds = 60;
    private const int MinSeconds = 5;
    private const int MaxSeconds = 24 * 60 * 60;
    private const string PlanOption = "--plan";
    private const string MappedOption = "--mapped";
    private const string KeepOption = "--keep";
    private const string FaultOption = "--fault=";

    /// <param name="fault">One sentence, if the arguments are invalid.</param>
    public static Arguments? Read(IReadOnlyList<string> args, Random random, out string fault)
    {
        fault = string.Empty;
        var numbers = args.Where(arg => !arg.StartsWith("--", StringComparison.Ordinal)).ToList();
        var mapped = args.Contains(MappedOption);
        var (seconds, seed) = (DefaultSeconds, random.Next(1, 1_000_000));
        var planted = args.LastOrDefault(arg => arg.StartsWith(FaultOption, StringComparison.Ordinal))?[FaultOption.Length..];
        if (args.FirstOrDefault(arg => arg.StartsWith("--", StringComparison.Ordinal) && !IsOption(arg)) is { } unknown)
        {
            fault = $"Unknown option {unknown}. The options are {MappedOption}, {PlanOption}, {KeepOption} and {FaultOption}name.";
        }
        else if (numbers.Count > 2)
        {
            fault = $"Expected at most two numbers, seconds and seed, but got {numbers.Count}.";
        }
        else if (numbers.Count > 0 && !(TryRead(numbers[0], out seconds) && seconds is >= MinSeconds and <= MaxSeconds))
        {
            fault = $"The seconds must be a whole number from {MinSeconds} to {MaxSeconds}, not '{numbers[0]}'.";
        }
        else if (numbers.Count > 1 && !TryRead(numbers[1], out seed))
        {
            fault = $"The seed must be a whole number from 0 to {int.MaxValue}, not '{numbers[1]}'.";
        }
        else if (planted is not null && !PlantedFaults.All.ContainsKey(planted) && !(mapped && MappedFaults.All.ContainsKey(planted)))
        {
            fault = $"Unknown fault '{planted}'. The faults are: {string.Join(", ", PlantedFaults.All.Keys)}; with {MappedOption} also: {string.Join(", ", MappedFaults.All.Keys)}.";
        }

        return fault.Length > 0 ? null : new Arguments(TimeSpan.FromSeconds(seconds), seed, args.Contains(PlanOption), args.Contains(KeepOption), planted, mapped);
    }

    public static string Option(string plantedFault) => FaultOption + plantedFault;

    private static bool IsOption(string arg) =>
        arg is MappedOption or PlanOption or KeepOption || arg.StartsWith(FaultOption, StringComparison.Ordinal);

    private static bool TryRead(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
