using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Standalone;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Standalone;

public sealed class RestartsTests
{
    private readonly ConcurrentQueue<string> lines = new();
    private FakeTimeProvider time = null!;
    private Server server = null!;
    private Restarts restarts = null!;

    [SetUp]
    public void SetUp()
    {
        lines.Clear();
        time = new FakeTimeProvider();
        server = new Server();
        restarts = new Restarts("Redis", server, time, lines.Enqueue);
    }

    [TearDown]
    public ValueTask TearDownAsync() => restarts.DisposeAsync();

    [Test]
    public async Task AServerThatEndsIsStartedAgainAfterADelay()
    {
        server.End(137);
        await Eventually.TrueAsync(() => lines.Count == 1);
        Assert.That(server.Starts, Is.Zero);

        time.Advance(Restarts.FirstDelay);
        await Eventually.TrueAsync(() => lines.Count == 2);

        Assert.That(lines, Is.EqualTo(new[] { "Redis has ended (exit code 137). Starting it again.", "Redis is running again." }));
        Assert.That(server.Starts, Is.EqualTo(1));
        Assert.That(restarts.GivenUp.IsCompleted, Is.False);
    }

    [Test]
    public async Task AStartThatFailsIsTriedAgainWithItsReason()
    {
        server.StartFails = true;
        server.End(1);
        await PassTimeUntilAsync(() => server.Starts == 2);
        server.StartFails = false;

        await PassTimeUntilAsync(() => lines.Last() == "Redis is running again.");

        Assert.That(lines, Has.Some.EqualTo("No start. Starting it again."));
    }

    [Test]
    public async Task AServerThatKeepsEndingIsGivenUp([Values] bool startFails)
    {
        (server.EndsAtOnce, server.StartFails) = (true, startFails);
        server.End(1);

        await PassTimeUntilAsync(() => restarts.GivenUp.IsCompleted);

        Assert.That(() => restarts.GivenUp, Throws.InstanceOf<StandaloneException>().With.Message.EqualTo(
            $"{(startFails ? "No start." : "Redis has ended (exit code 1).")} It has failed {Restarts.MaxFailures} times in a row and is not started again."));
        Assert.That(server.Starts, Is.EqualTo(Restarts.MaxFailures));
    }

    [Test]
    public async Task AServerThatHasRunForLongStartsItsCountAnew()
    {
        for (var end = 1; end <= Restarts.MaxFailures * 2; end++)
        {
            time.Advance(Restarts.SoundAfter);
            server.End(1);
            await PassTimeUntilAsync(() => server.Starts == end && server.IsWatched);
        }

        Assert.That(restarts.GivenUp.IsCompleted, Is.False);
    }

    [Test]
    public async Task AfterTheEndOfThisProcessNothingIsStarted()
    {
        await restarts.DisposeAsync();

        server.End(0);
        time.Advance(Restarts.MaxDelay);

        Assert.That(server.Starts, Is.Zero);
        Assert.That(lines, Is.Empty);
    }

    [Test]
    public async Task AStartThatIsDueDoesNotHoldUpTheEndOfThisProcess()
    {
        server.End(1);
        await Eventually.TrueAsync(() => lines.Count == 1);

        await restarts.DisposeAsync();

        Assert.That(server.Starts, Is.Zero);
    }

    private Task PassTimeUntilAsync(Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        time.Advance(Restarts.FirstDelay);
        return condition();
    });

    private sealed class Server : IPrivateServer
    {
        private volatile TaskCompletionSource<int> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool isWatched;
        private int starts;

        public int Starts => Volatile.Read(ref starts);

        public bool StartFails { get; set; }

        public bool EndsAtOnce { get; set; }

        /// <summary>Since its last start.</summary>
        public bool IsWatched => isWatched;

        public void End(int code)
        {
            isWatched = false;
            ended.TrySetResult(code);
        }

        public Task<int> EndedAsync()
        {
            isWatched = true;
            return ended.Task;
        }

        public Task StartAsync()
        {
            ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            isWatched = false;
            Interlocked.Increment(ref starts);
            if (EndsAtOnce)
            {
                End(1);
            }

            return StartFails ? Task.FromException(new StandaloneException("No start.")) : Task.CompletedTask;
        }

        public Task StopAsync() => Task.CompletedTask;
    }
}
