namespace ProductCache.Standalone;

/// <summary>Waits for a server that is starting.</summary>
public static class Retry
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <exception cref="StandaloneException">It still failed when the time was up.</exception>
    public static async Task UntilAsync(Func<Task> attempt, Func<Exception, bool> isNotYet, TimeSpan timeout, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await attempt();
                return;
            }
            catch (Exception exception) when (isNotYet(exception))
            {
                if (TimeProvider.System.GetElapsedTime(started) > timeout)
                {
                    throw new StandaloneException($"{what} did not answer within {timeout.TotalSeconds} s: {exception.Message}");
                }

                await Task.Delay(Interval);
            }
        }
    }
}
