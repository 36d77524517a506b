namespace ProductCache.Infrastructure;

/// <summary>
/// A deadline for a dependency rather than for a call. A call fails when its time is up and the dependency has answered
/// nobody else meanwhile. While it does answer, the call is on its way through a queue of our own making (thousands of
/// readers at once on a few cores), and to fail it would turn load into errors. The same where the timer itself came
/// late: then this process had no time to look for the answer.
/// </summary>
/// <param name="deadline">How long a call waits for a dependency that answers nobody.</param>
/// <param name="firstDeadline">The same before the first answer in the life of the process, while the code on the way there is still being compiled.</param>
/// <param name="limit">How long a call waits at most, whatever is answered to others.</param>
internal sealed class ProgressDeadline(TimeSpan deadline, TimeSpan firstDeadline, TimeSpan limit, TimeProvider time)
{
    /// <summary>By how much a timer of a process that is not overloaded may be late.</summary>
    private static readonly TimeSpan Punctual = TimeSpan.FromMilliseconds(50);

    private long lastAnswer;

    /// <exception cref="TimeoutException">The time was up. What was called may still happen.</exception>
    public async Task<T> WithinAsync<T>(Task<T> call, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var waiting = time.GetTimestamp();
            var patience = Volatile.Read(ref lastAnswer) == 0 ? firstDeadline : deadline;
            try
            {
                var result = await call.WaitAsync(patience, time, cancellationToken);
                Volatile.Write(ref lastAnswer, time.GetTimestamp());
                return result;
            }
            catch (TimeoutException) when (!call.IsFaulted && time.GetElapsedTime(started) < limit && (OthersWereAnswered() || TimerWasLate()))
            {
                // Wait on.
            }

            bool OthersWereAnswered() => Volatile.Read(ref lastAnswer) > waiting;

            bool TimerWasLate() => time.GetElapsedTime(waiting) > patience + Punctual;
        }
    }
}
