namespace ProductCache.Infrastructure;

/// <summary>
/// Limits the silence of a dependency, not the duration of a call. A call fails when the dependency has answered neither this call nor
/// any other for the timeout. While it answers others, the call waits in a queue of this process (thousands of readers on a few cores),
/// and failing it would turn load into errors. The same holds while the timer is late: this process had no time to process the answer.
/// </summary>
/// <param name="timeout">How long a call waits while the dependency answers no call.</param>
/// <param name="firstTimeout">The timeout before the first answer in the life of the process, while code is still being compiled.</param>
/// <param name="limit">How long a call waits at most, even while others are answered.</param>
internal sealed class SilenceTimeout(TimeSpan timeout, TimeSpan firstTimeout, TimeSpan limit, TimeProvider time)
{
    /// <summary>The timeout is divided into slices, so that one pause of this process does not count as the whole timeout.</summary>
    private const int Slices = 3;

    /// <summary>How late a timer may be if the process is not overloaded.</summary>
    private static readonly TimeSpan Punctual = TimeSpan.FromMilliseconds(25);

    private long lastAnswer;

    /// <exception cref="TimeoutException">The dependency did not answer. The call may still take effect.</exception>
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
