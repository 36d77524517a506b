using System.Reflection;
using NUnit.Framework.Internal;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>Every rule of the scripts is needed: without it, the named test of the contract fails.</summary>
public sealed class WrongScriptsTests
{
    private static readonly RedisScripts Right = RedisScripts.Default;

    private static readonly RedisScripts FillWithoutToken = Right with { Fill = Without(Right.Fill, "if lease[1] ~= ARGV[1] then\n  return 'refused'\nend\n", "lease[2] = lease[2] or 0\n") };

    private static readonly RedisScripts FillWithoutFloor = Right with { Fill = Without(Right.Fill, "tonumber(ARGV[2]) < tonumber(lease[2])", "false") };

    private static readonly RedisScripts ChangeWithoutFloor = Right with { Change = Without(Right.Change, "redis.call('HSET', KEYS[2], 'floor', ARGV[1])") };

    public static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterItsLeaseExpiredIsRefused), FillWithoutToken);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAnotherWorkersClaimIsRefused), FillWithoutToken);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterTheCacheLostEverythingIsRefused), FillWithoutToken);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARepeatedClaimCommandDoesNotBringItsFirstTokenBack),
            Right with { Claim = Without(Right.Claim, "ARGV[1] .. '-' .. now[1] .. '-' .. now[2]", "ARGV[1]") });
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAChangeRaisedTheFloorIsOutdated), FillWithoutFloor);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAChangeRaisedTheFloorIsOutdated), ChangeWithoutFloor);
        yield return Case(nameof(RedisGuardedCacheTests.AFillOfADeletedRowIsOutdated), ChangeWithoutFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AnOlderChangeDoesNotLowerTheFloor),
            Right with { Change = Without(Right.Change, "if floor and tonumber(floor) < rank then", "if floor then") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnAbsentRowIsOutdatedUnderAnyFloor),
            Right with { Fill = Without(Right.Fill, "tonumber(ARGV[2]) < tonumber(lease[2])", "tonumber(ARGV[2]) > 0 and tonumber(ARGV[2]) < tonumber(lease[2])") },
            false);
        yield return Case(nameof(RedisGuardedCacheTests.ARowInsertedWhileItsAbsenceIsFilledIsSeen), ChangeWithoutFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimAfterAnOutdatedFillStartsWithoutAFloor),
            Right with { Claim = Without(Right.Claim, ", 'floor', 0)", ")\nredis.call('HSETNX', KEYS[2], 'floor', 0)") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimRestartsTheExpiryOfTheLease),
            Right with { Claim = Without(Right.Claim, "redis.call('PEXPIRE', KEYS[2], ARGV[2])") });
        yield return Case(
            nameof(RedisGuardedCacheTests.GivingUpFreesTheLease),
            Right with { Release = Without(Right.Release, "redis.call('DEL', KEYS[1])", "0") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ReleasingALeaseThatSomebodyElseHoldsDoesNothing),
            Right with { Release = Without(Right.Release, "redis.call('HGET', KEYS[1], 'token') == ARGV[1]", "true") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ADuplicateRequestForAFilledProductHasNothingToDo),
            Right with { Claim = Without(Right.Claim, "data and string.byte(data) == tonumber(ARGV[3])", "false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AReaderWhoMissedBeforeTheFillDoesNotAskAfterIt),
            Right with { Lease = Without(Right.Lease, "data and string.byte(data) == tonumber(ARGV[3])", "false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AFillEndsTheLease),
            Right with { Fill = Without(Right.Fill, "redis.call('DEL', KEYS[2])") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnUpsertRemovesANegativeEntry),
            Right with { Change = Without(Right.Change, "  redis.call('DEL', KEYS[1])\n  return -1\nend\nif deletion", "  return -2\nend\nif deletion") });
    }

    [TestCaseSource(nameof(Cases))]
    public async Task AWrongScriptIsCaught(string testName, object scripts, object[] arguments)
    {
        var fixture = new RedisGuardedCacheTests { Scripts = (RedisScripts)scripts };
        await fixture.ConnectAsync();
        try
        {
            // What fails in there must not count as a failure of this test.
            using (new TestExecutionContext.IsolatedContext())
            {
                var test = typeof(RedisGuardedCacheTests).GetMethod(testName, BindingFlags.Public | BindingFlags.Instance)!;
                Assert.ThrowsAsync<AssertionException>(() => (Task)test.Invoke(fixture, arguments)!);
            }
        }
        finally
        {
            await fixture.DisconnectAsync();
        }
    }

    private static TestCaseData Case(string test, RedisScripts scripts, params object[] arguments) => new(test, scripts, arguments);

    private static string Without(string script, string rule, string instead = "")
    {
        Assert.That(script, Does.Contain(rule), "The wrong script must differ from the right one.");
        return script.Replace(rule, instead, StringComparison.Ordinal);
    }
}
