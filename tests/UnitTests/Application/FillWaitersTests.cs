using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class FillWaitersTests
{
    private static readonly ProductId Other = new(7);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    private FakeTimeProvider time = null!;
    private FillWaiters waiters = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider(Sample.Time);
        waiters = new FillWaiters(time);
    }

    [Test]
    public async Task AWakeEndsTheWaitOfEveryReaderOfTheProduct()
    {
        using var first = waiters.Register(Sample.Id);
        using var second = waiters.Register(Sample.Id);
        Task[] waits = [first.WaitAsync(first.Listen(), Long, default), second.WaitAsync(second.Listen(), Long, default)];

        waiters.Wake(Sample.Id);

        await Task.WhenAll(waits).WaitAsync(Gated.Patience);
    }

    [Test]
    public async Task AWakeBetweenTheLookAndTheWaitIsNotLost()
    {
        using var registration = waiters.Register(Sample.Id);
        var wake = registration.Listen();

        waiters.Wake(Sample.Id);

        await registration.WaitAsync(wake, Long, default).WaitAsync(Gated.Patience);
    }

    [Test]
    public void AWakeBeforeTheReaderListensDoesNotEndItsWait()
    {
        using var registration = waiters.Register(Sample.Id);
        registration.Listen();
        waiters.Wake(Sample.Id);

        Assert.That(registration.WaitAsync(registration.Listen(), Long, default).IsCompleted, Is.False);
    }

    [Test]
    public async Task EveryWakeEndsTheWaitThatFollowsTheOneBefore()
    {
        using var registration = waiters.Register(Sample.Id);
        for (var i = 0; i < 3; i++)
        {
            var wait = registration.WaitAsync(registration.Listen(), Long, default);
            Assert.That(wait.IsCompleted, Is.False);
            waiters.Wake(Other, Sample.Id);
            await wait.WaitAsync(Gated.Patience);
        }
    }

    [Test]
    public void AWakeOfAnotherProductChangesNothing()
    {
        using var registration = waiters.Register(Sample.Id);
        var wait = registration.WaitAsync(registration.Listen(), Long, default);

        waiters.Wake(Other);

        Assert.That(wait.IsCompleted, Is.False);
    }

    [Test]
    public async Task WithoutAWakeTheReaderLooksAgainAfterTheInterval()
    {
        using var registration = waiters.Register(Sample.Id);
        var wait = registration.WaitAsync(registration.Listen(), Long, default);

        time.Advance(FillWaiters.LookAgainInterval - Tick);
        Assert.That(wait.IsCompleted, Is.False);
        time.Advance(Tick);
        await wait.WaitAsync(Gated.Patience);
    }

    [Test]
    public async Task AWaitThatIsShorterThanTheIntervalEndsInTime()
    {
        using var registration = waiters.Register(Sample.Id);
        var wait = registration.WaitAsync(registration.Listen(), TimeSpan.FromMilliseconds(20), default);

        time.Advance(TimeSpan.FromMilliseconds(20) - Tick);
        Assert.That(wait.IsCompleted, Is.False);
        time.Advance(Tick);
        await wait.WaitAsync(Gated.Patience);
    }

    [Test]
    public void ACancelledWaitThrows()
    {
        using var registration = waiters.Register(Sample.Id);
        using var leaving = new CancellationTokenSource();
        var wait = registration.WaitAsync(registration.Listen(), Long, leaving.Token);

        leaving.Cancel();

        Assert.That(() => wait.WaitAsync(Gated.Patience), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void AProductIsForgottenWithItsLastRegistration()
    {
        var (first, second) = (waiters.Register(Sample.Id), waiters.Register(Sample.Id));
        Assert.That(waiters.Products, Is.EqualTo(1));

        first.Dispose();
        Assert.That(waiters.Products, Is.EqualTo(1));
        second.Dispose();
        Assert.That(waiters.Products, Is.Zero);
    }

    [Test]
    public void OneReaderTooManyIsRefusedUntilAnotherLeaves()
    {
        for (var i = 0; i < FillWaiters.MaxReaders; i++)
        {
            Assert.That(waiters.TryEnter(), Is.True);
        }

        Assert.That(waiters.TryEnter(), Is.False);
        waiters.Leave();
        Assert.That(waiters.TryEnter(), Is.True);
    }
}
