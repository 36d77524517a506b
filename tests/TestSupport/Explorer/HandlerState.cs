using System.Diagnostics;

namespace ProductCache.TestSupport.Explorer;

/// <summary>How to start a use case.</summary>
/// <param name="Name">Distinct for distinct arguments.</param>
/// <param name="StartAsync">Completes with the result that a reader gets, if any.</param>
/// <param name="ReadsClock">What it reads from SQL it stamps with the time.</param>
internal sealed record HandlerProgram(string Name, Func<RecordedPorts, StepClock, Task<object?>> StartAsync, bool ReadsClock = false);

/// <summary>
/// Where a handler stands after it was given certain answers. A handler is a function of these answers: it has its instance
/// for itself, it learns of the world by its ports only, and its clock is a part of an answer. So each list of answers is
/// tried once with the real handler, from its start, and what it does next is remembered; the same answers in the same order
/// make the same state, wherever in the exploration they are given. Every later answer runs the handler from its start again;
/// a run that then stops at another call than before fails the exploration, since the handler is no such function.
/// </summary>
internal sealed class HandlerState
{
    /// <summary>After it, a handler that neither calls nor ends is an error.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // In place of an answer: the time that the handler waits for has passed.
    private static readonly Answer TimePasses = new(null, "time passes");

    private readonly HandlerProgram program;
    private readonly HandlerState? before;
    private readonly Answer? last;
    private readonly Counter counter;
    private readonly Dictionary<string, HandlerState> next = [];

    private HandlerState(HandlerProgram program, HandlerState? before, Answer? last, Counter counter)
    {
        (this.program, this.before, this.last, this.counter, Id) = (program, before, last, counter, counter.Next++);
        Tokens = (before?.Tokens ?? 0) | (last?.Tokens ?? 0);
        Stamps = (before?.Stamps ?? 0) | (last?.Stamps ?? 0);
        Histories = (before?.Histories ?? 0) | (last?.Histories ?? 0);
        Run();
    }

    /// <summary>Distinct among all states of an exploration.</summary>
    public int Id { get; }

    /// <summary>The call at which the handler stands, if any.</summary>
    public PortCall? Call { get; private set; }

    /// <summary>The handler waits for its clock.</summary>
    public bool Waits { get; private set; }

    public bool IsFinished => Call is null && !Waits;

    public object? Result { get; private set; }

    /// <summary>All answers that the handler was given, the last one first.</summary>
    public IEnumerable<object?> Answers
    {
        get
        {
            for (var state = this; state.last is not null; state = state.before!)
            {
                yield return state.last.Value;
            }
        }
    }

    /// <summary>What the handler may still name in a call: everything in its answers.</summary>
    public uint Tokens { get; }

    /// <inheritdoc cref="Tokens"/>
    public uint Stamps { get; }

    /// <inheritdoc cref="Tokens"/>
    public uint Histories { get; }

    public static HandlerState Start(HandlerProgram program, Counter counter) => new(program, null, null, counter);

    public HandlerState After(Answer answer)
    {
        if (!next.TryGetValue(answer.Text, out var state))
        {
            next[answer.Text] = state = new HandlerState(program, this, answer, counter);
        }

        return state;
    }

    public HandlerState AfterTime() => After(TimePasses);

    private void Run()
    {
        List<HandlerState> path = [];
        for (var state = this; state is not null; state = state.before)
        {
            path.Add(state);
        }

        path.Reverse();
        var clock = new StepClock();
        var ports = new RecordedPorts(clock, program.ReadsClock);
        var run = program.StartAsync(ports, clock);
        Settle(ports, clock, run);
        foreach (var (from, to) in path.Zip(path.Skip(1)))
        {
            if (from.Call?.What != ports.Pending?.What)
            {
                throw new InvalidOperationException(
                    $"{program.Name} is not a function of its answers: it stopped at '{from.Call?.What}', and now at '{ports.Pending?.What}'.");
            }

            if (ReferenceEquals(to.last, TimePasses))
            {
                clock.Fire();
            }
            else
            {
                ports.Resume(to.last!.Value);
            }

            Settle(ports, clock, run);
        }

        Call = ports.Pending;
        Waits = Call is null && clock.IsWaitedFor && !run.IsCompleted;
        Result = run.IsCompletedSuccessfully ? run.Result : run.Exception?.InnerException;
    }

    // Continuations run inside of the answer, but for what a use case starts on the thread pool.
    private static void Settle(RecordedPorts ports, StepClock clock, Task run)
    {
        var began = Stopwatch.GetTimestamp();
        var spin = default(SpinWait);
        while (!run.IsCompleted && ports.Pending is null && !clock.IsWaitedFor)
        {
            spin.SpinOnce();
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new TimeoutException("A handler neither calls a port nor waits nor ends.");
            }
        }
    }

    internal sealed class Counter
    {
        public int Next { get; set; }
    }
}
