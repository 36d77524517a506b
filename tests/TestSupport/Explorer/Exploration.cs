using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ProductCache.TestSupport.Explorer;

/// <param name="IsComplete">Every state was visited.</param>
/// <param name="Violation">The shortest list of steps to a broken promise; null: every visited state keeps every promise.</param>
internal sealed record ExplorationResult(string Scenario, long States, long Steps, TimeSpan Time, bool IsComplete, string? Violation);

/// <summary>
/// Visits every state that a scenario can come to, those that are fewer steps away first, and looks at each for a broken promise.
/// </summary>
internal sealed class Exploration
{
    private readonly HashSet<UInt128> known = [];

    // Of each state: the one from which it was found, and by which of its steps. The state itself is not kept.
    private readonly List<(int From, int Step)> origins = [];
    private readonly Queue<(World World, int Index)> open = new();
    private readonly Mutant mutant;

    private Exploration(Scenario scenario, Mutant mutant)
    {
        (Scenario, this.mutant) = (scenario, mutant);
        Programs = new Programs(mutant, scenario);

        // Its clock stands still: what expires is a step of its own.
        Cache = mutant.Cache(new InMemoryCache(new StepClock(), Programs.Format));
    }

    public Scenario Scenario { get; }

    public Programs Programs { get; }

    public ExploredCache Cache { get; }

    /// <param name="limit">After it, the exploration ends incomplete.</param>
    public static ExplorationResult Run(Scenario scenario, Mutant mutant, TimeSpan limit, long maxStates = long.MaxValue) =>
        new Exploration(scenario, mutant).Run(limit, maxStates);

    private ExplorationResult Run(TimeSpan limit, long maxStates)
    {
        var began = Stopwatch.GetTimestamp();
        var steps = 0L;
        Add(World.Start(this), -1, 0);
        while (open.TryDequeue(out var from))
        {
            var step = 0;
            foreach (var (next, _) in from.World.Steps())
            {
                steps++;

                // Before the state is looked up: a step may break a promise and still lead to a state that is known.
                Add(next, from.Index, step);
                if (next.Violation is { } violation)
                {
                    return Result(began, steps, false, Trace(from.Index, step, violation));
                }

                step++;
            }

            if (Stopwatch.GetElapsedTime(began) > limit || known.Count >= maxStates)
            {
                return Result(began, steps, false, null);
            }
        }

        return Result(began, steps, true, null);
    }

    private void Add(World world, int from, int step)
    {
        if (!known.Add(world.Key()))
        {
            return;
        }

        if (world.Violation is null && world.IsQuiet)
        {
            world.CheckNothingStarves(Scenario.WorkersMayBeBehind);
        }

        origins.Add((from, step));
        open.Enqueue((world, origins.Count - 1));
    }

    private ExplorationResult Result(long began, long steps, bool isComplete, string? violation) =>
        new(Scenario.Name, known.Count, steps, Stopwatch.GetElapsedTime(began), isComplete, violation);

    private string Trace(int index, int last, string violation)
    {
        Stack<int> path = new([last]);
        for (; origins[index].From >= 0; index = origins[index].From)
        {
            path.Push(origins[index].Step);
        }

        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{mutant.Name}. {Scenario.Name}:");
        var world = World.Start(this);
        var number = 0;
        while (path.TryPop(out var step))
        {
            (world, var what) = world.Steps().ElementAt(step);
            text.AppendLine(CultureInfo.InvariantCulture, $"{++number,3}. {what()}");
        }

        return text.Append("  => ").Append(violation).ToString();
    }
}
