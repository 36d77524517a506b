using Npgsql;
using ProductCache.Application;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class PostgresErrorsTests
{
    [TestCase(PostgresErrorCodes.AdminShutdown, true)]
    [TestCase(PostgresErrorCodes.TooManyConnections, true)]
    [TestCase(PostgresErrorCodes.ReadOnlySqlTransaction, true)]
    [TestCase(PostgresErrorCodes.UndefinedTable, true)]
    [TestCase(PostgresErrorCodes.UniqueViolation, false)]
    [TestCase(PostgresErrorCodes.DataCorrupted, false)]
    public void AnAnswerIsAnOutageIfNoRequestCanBeServed(string sqlState, bool isUnavailable) =>
        Assert.That(PostgresErrors.IsUnavailable(Answer(sqlState), CancellationToken.None), Is.EqualTo(isUnavailable));

    [Test]
    public void ASilentServerIsUnavailable()
    {
        Assert.That(PostgresErrors.IsUnavailable(new NpgsqlException("The connection is broken."), CancellationToken.None), Is.True);
        Assert.That(PostgresErrors.IsUnavailable(new TimeoutException(), CancellationToken.None), Is.True);
    }

    [Test]
    public void TheTransactionOfABrokenConnectionIsAnOutage()
    {
        var broken = new ObjectDisposedException(nameof(NpgsqlTransaction), new NpgsqlException("The connection is broken."));

        Assert.That(PostgresErrors.IsUnavailable(broken, CancellationToken.None), Is.True);
        Assert.That(PostgresErrors.IsUnavailable(new ObjectDisposedException(nameof(NpgsqlTransaction)), CancellationToken.None), Is.False);
    }

    [Test]
    public void OnlyACancellationByTheCallerIsNoOutage()
    {
        Assert.That(PostgresErrors.IsUnavailable(new OperationCanceledException(), CancellationToken.None), Is.True);
        Assert.That(PostgresErrors.IsUnavailable(new OperationCanceledException(), new CancellationToken(canceled: true)), Is.False);
    }

    [TestCase(false, null)]
    [TestCase(true, "It stops. (SQLSTATE 57P01)")]
    public void AnOutageIsTranslatedWithTheReasonWhereItIsWanted(bool includeReason, string? reason)
    {
        var unavailable = Assert.ThrowsAsync<UnavailableException>(() => PostgresErrors.TranslateAsync<int>(
            () => throw Answer(PostgresErrorCodes.AdminShutdown), CancellationToken.None, includeReason));

        Assert.That(unavailable!.Dependency, Is.EqualTo(Dependency.Store));
        Assert.That(unavailable.Reason, Is.EqualTo(reason));
    }

    [Test]
    public void OtherErrorsAreNotTranslated() => Assert.ThrowsAsync<PostgresException>(
        () => PostgresErrors.TranslateAsync<int>(() => throw Answer(PostgresErrorCodes.UniqueViolation), CancellationToken.None));

    private static PostgresException Answer(string sqlState) => new("It stops.", "ERROR", "ERROR", sqlState);
}
