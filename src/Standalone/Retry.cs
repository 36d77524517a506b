namespace ProductCache.Standalone;

/// <summary>Waits for a server that starts.</summary>
public static class Retry
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <param name="time">Null: the system's clock, by which servers start.</param>
    /// <exception cref="StandaloneException">The last attempt within the timeout failed.</exception>
    public static async Task UntilAsync(
        Func<Task> attempt, Func<Exception, bool> isNotYet, TimeSpan timeout, string what, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                await attempt();
                return;
            }
            catch (Exception exception) when (isNotYet(exception))
            {
                if (time.GetElapsedTime(started) > timeout)
                {
                    throw new StandaloneException($"{what} did not answer within {timeout.TotalSeconds} s: {exception.Message}");
                }

                await Task.Delay(Interval, time);
            }
        }
    }
}
