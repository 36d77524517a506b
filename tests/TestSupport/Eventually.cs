using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ProductCache.TestSupport;

/// <summary>Waits for a condition; how long it takes is not what is tested.</summary>
public static class Eventually
{
    /// <summary>How long a test waits for anything.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        TrueAsync(() => Task.FromResult(condition()), what);

    public static Task TrueAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        TrueAsync(condition, () => what);

    /// <param name="what">What was waited for, as of the end.</param>
    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                Assert.Fail($"Waited {Patience.TotalSeconds} s in vain for: {what()}");
            }

            await Task.Delay(Interval);
        }
    }
}
