using Microsoft.Extensions.Time.Testing;
using ProductCache.Infrastructure;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class SilenceTimeoutTests
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(900);
    private static readonly TimeSpan Then = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Slice = Then / 3;

    private readonly TaskCompletionSource<int> call = new();
    private FakeTimeProvider time = null!;
    private SilenceTimeout timeout = null!;

    [SetUp]
    public async Task CreateAfterAFirstAnswerAsync()
    {
        time = new FakeTimeProvider();
        time.Advance(TimeSpan.FromSeconds(1));
        timeout = new SilenceTimeout(Then, First, Limit, time);
        await timeout.WithinAsync(Task.FromResult(1), default);
    }

    [Test]
    public async Task AnAnswerInTimeIsTheResult()
    {
        var within = timeout.WithinAsync(call.Task, default);
        call.SetResult(7);

        Assert.That(await within, Is.EqualTo(7));
    }

    [Test]
    public void ASilentDependencyEndsTheCallAtTheTimeout()
    {
        var within = timeout.WithinAsync(new TaskCompletionSource<int>().Task, default);

        Pass(Slice, Slice);
        Assert.That(within.IsCompleted, Is.False);
        Pass(Slice);

        Assert.ThrowsAsync<TimeoutException>(() => within);
    }

    [Test]
    public void BeforeTheFirstAnswerThereIsMoreTime()
    {
        var cold = new SilenceTimeout(Then, First, Limit, time);
        var within = cold.WithinAsync(new TaskCompletionSource<int>().Task, default);

        Pass(First / 3, First / 3);
        Assert.That(within.IsCompleted, Is.False);
        Pass(First / 3);

        Assert.ThrowsAsync<TimeoutException>(() => within);
    }

    [Test]
    public async Task WhileOthersAreAnsweredTheCallWaitsOn()
    {
        var within = timeout.WithinAsync(new TaskCompletionSource<int>().Task, default);
        for (var n = 0; n < 10; n++)
        {
            time.Advance(Slice / 2);
            await timeout.WithinAsync(Task.FromResult(1), default);
            time.Advance(Slice / 2);
        }

        Assert.That(within.IsCompleted, Is.False);
        Pass(Slice, Slice, Slice);
        Assert.ThrowsAsync<TimeoutException>(() => within);
    }

    [Test]
    public void ATimerThatComesLateDoesNotCount()
    {
        var within = timeout.WithinAsync(new TaskCompletionSource<int>().Task, default);

        Pass(Slice, Slice, Slice * 4, Slice, Slice);
        Assert.That(within.IsCompleted, Is.False);
        Pass(Slice);

        Assert.ThrowsAsync<TimeoutException>(() => within);
    }

    [Test]
    public void NoCallWaitsBeyondTheLimit()
    {
        var within = timeout.WithinAsync(new TaskCompletionSource<int>().Task, default);
        for (var late = TimeSpan.Zero; late <= Limit; late += Slice * 4)
        {
            Pass(Slice * 4);
        }

        Assert.ThrowsAsync<TimeoutException>(() => within);
    }

    [Test]
    public void AFailureOfTheCallIsItsOwn()
    {
        var within = timeout.WithinAsync(Task.FromException<int>(new TimeoutException("of the client library")), default);

        Assert.That(Assert.ThrowsAsync<TimeoutException>(() => within)!.Message, Is.EqualTo("of the client library"));
    }

    private void Pass(params TimeSpan[] spans) => Array.ForEach(spans, time.Advance);
}
