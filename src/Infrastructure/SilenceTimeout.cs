namespace ProductCache.Infrastructure;

/// <summary>
/// A timeout for a dependency rather than for a call. A call fails when the dependency has been silent for that long:
/// it answered neither this call nor any other. While it does answer, the call is on its way through a queue of our own
/// making (thousands of readers at once on a few cores), and to fail it would turn load into errors. The same while the
/// timer itself comes late: then this process had no time to look for the answer.
/// </summary>
/// <param name="timeout">How long a call waits for a dependency that answers nobody.</param>
/// <param name="firstTimeout">The same before the first answer in the life of the process, while the code on the way there is still being compiled.</param>
/// <param name="limit">How long a call waits at most, whatever is answered to others.</param>
internal sealed class SilenceTimeout(TimeSpan timeout, TimeSpan firstTimeout, TimeSpan limit, TimeProvider time)
{
    /// <summary>The timeout is waited for in so many slices, so that one pause of this process cannot be taken for all of it.</summary>
    private const int Slices = 3;

    /// <summary>By how much a timer of a process that is not overloaded may be late.</summary>
    private static readonly TimeSpan Punctual = TimeSpan.FromMilliseconds(25);

    private long lastAnswer;

    /// <exception cref="TimeoutException">The dependency was silent. What was called may still happen.</exception>
    public async Task<T> WithinAsync<T>(Task<T> call, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var silent = 0;
        while (true)
        {
            var waiting = time.GetTimestamp();
            var slice = (Volatile.Read(ref lastAnswer) == 0 ? firstTimeout : timeout) / Slices;
            try
            {
                var result = await call.WaitAsync(slice, time, cancellationToken);
                Volatile.Write(ref lastAnswer, time.GetTimestamp());
                return result;
            }
            catch (TimeoutException) when (!call.IsFaulted)
            {
                var othersWereAnswered = Volatile.Read(ref lastAnswer) > waiting;
                var timerWasLate = time.GetElapsedTime(waiting) > slice + Punctual;
                silent = othersWereAnswered || timerWasLate ? 0 : silent + 1;
                if (silent == Slices || time.GetElapsedTime(started) > limit)
                {
                    throw;
                }
            }
        }
    }
}
