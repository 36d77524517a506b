using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Infrastructure.Redis;
using StackExchange.Redis;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class RedisTimeoutTests
{
    private const string FullMemory = "OOM command not allowed when used memory > 'maxmemory'.";

    private FakeTimeProvider time = null!;
    private List<string> lines = null!;
    private RedisTimeout timeout = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider();
        lines = [];
        timeout = new RedisTimeout(TimeSpan.FromSeconds(1), time, new Lines(lines));
    }

    [TestCase(FullMemory, "OOM")]
    [TestCase("OOM command not allowed when used memory > 'maxmemory'. script: 80c9, on @user_script:1.", "OOM")]
    [TestCase("ERR Error running script (call to f_80c9): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", "OOM")]
    [TestCase("READONLY You can't write against a read only replica.", "READONLY")]
    [TestCase("NOREPLICAS Not enough good replicas to write.", "NOREPLICAS")]
    [TestCase("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "MISCONF")]
    [TestCase("NOPERM this user has no permissions to run the 'eval' command", "NOPERM")]
    [TestCase("ERR The user executing the script can't run this command or subcommand script: 80c9, on @user_script:1.", "NOPERM")]
    [TestCase("NOAUTH Authentication required.", "NOAUTH")]
    [TestCase("ERR operation not permitted", "NOAUTH")]
    [TestCase("WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS")]
    [TestCase("LOADING Redis is loading the dataset in memory", "LOADING")]
    [TestCase("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "MASTERDOWN")]
    [TestCase("CLUSTERDOWN The cluster is down", "CLUSTERDOWN")]
    [TestCase("TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN")]
    [TestCase("BUSY Redis is busy running a script.", "BUSY")]
    [TestCase("UNBLOCKED force unblock from blocking operation", "UNBLOCKED")]
    [TestCase("ERR max number of clients reached", "MAXCLIENTS")]
    [TestCase("ERR unknown command 'EVALSHA', with args beginning with: ", "COMMAND")]
    public void AStateOfTheServerIsARefusalWithItsCode(string message, string code)
    {
        var refusal = Assert.ThrowsAsync<UnavailableException>(() => timeout.WithinAsync(Fails(message), default));

        Assert.That(refusal!.Dependency, Is.EqualTo(Dependency.Cache));
        Assert.That(refusal.Reason, Does.EndWith($"({code})"));
        Assert.That(refusal.Message, Does.Contain(refusal.Reason!));
    }

    [TestCase("WRONGTYPE Operation against a key holding the wrong kind of value")]
    [TestCase("ERR hash value is not an integer")]
    [TestCase("ERR user_script:5: attempt to compare nil with number script: 80c9, on @user_script:5.")]
    [TestCase("ERR Error running script (call to f_80c9): @user_script:1: WRONGTYPE Operation against a key holding the wrong kind of value")]
    [TestCase("ERR value OOM")]
    [TestCase("")]
    public void AnErrorAboutTheKeysStaysWhatItIs(string message)
    {
        Assert.ThrowsAsync<RedisServerException>(() => timeout.WithinAsync(Fails(message), default));
        Assert.That(lines, Is.Empty);
    }

    [TestCase(RedisErrorKind.ConnectionFault)]
    [TestCase(RedisErrorKind.Timeout)]
    [TestCase(RedisErrorKind.UnknownRedirectTarget)]
    [TestCase(RedisErrorKind.NoScript)]
    public void AServerThatWasNotReachedIsUnavailableWithoutAReason(RedisErrorKind kind)
    {
        var silence = Assert.ThrowsAsync<UnavailableException>(() => timeout.WithinAsync(Fails("Endpoint 127.0.0.1:1 is not reachable.", kind), default));

        Assert.That(silence!.Reason, Is.Null);
    }

    [Test]
    public void ARefusalIsLoggedOnceForEachReasonInAWhile()
    {
        for (var i = 0; i < 10; i++)
        {
            timeout.Refused(FullMemory);
            timeout.Refused("BUSY");
        }

        Assert.That(lines, Has.Count.EqualTo(2));
        time.Advance(RedisTimeout.WarningInterval);
        timeout.Refused(FullMemory);
        timeout.Refused(FullMemory);
        Assert.That(lines, Has.Count.EqualTo(3));
    }

    [Test]
    public void TheEndOfARefusalIsLoggedOnce()
    {
        timeout.Written();
        Assert.That(lines, Is.Empty);

        timeout.Refused(FullMemory);
        timeout.Written();
        timeout.Written();

        Assert.That(lines, Has.Count.EqualTo(2));
        Assert.That(lines[^1], Is.EqualTo("Redis accepts writes again"));
    }

    private static Task<int> Fails(string message, RedisErrorKind kind = RedisErrorKind.Unknown) => Task.FromException<int>(new RedisServerException(kind, CommandFlags.None, message));

    private sealed class Lines(List<string> lines) : ILogger<RedisTimeout>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Add(formatter(state, exception));
    }
}
