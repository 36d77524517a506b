using System.Reflection;
using NUnit.Framework.Internal;
using ProductCache.Infrastructure.Redis;
using static ProductCache.IntegrationTests.Redis.WrongScripts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The rules for products of a mapping, each left out alone: a test of <see cref="RedisMappedCacheTests"/> must fail.</summary>
public sealed class WrongMappedScriptsTests
{
    private static readonly RedisScripts Right = RedisScripts.Default;

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(
            nameof(RedisMappedCacheTests.AnyEntryOfALowerRankIsStale),
            Right with { Change = Without(Right.Change, "if is_mapped(ARGV[#ARGV]) then", "if false then") }, 0L, true);
        yield return Case(
            nameof(RedisMappedCacheTests.ARefreshReplacesTheBodyAndKeepsTheTimes),
            Right with { Refresh = Without(Right.Refresh, "(current == 0 and not mapped)", "current == 0") }, 0L);
        yield return Case(
            nameof(RedisMappedCacheTests.AProductThatHasBecomeAbsentIsRemoved),
            Right with { Refresh = Without(Right.Refresh, "kind_of(entry[2]) ~= kind_of(ARGV[3])", "false") });
        yield return Case(
            nameof(RedisMappedCacheTests.AFillOfTheSameVersionIsOutdatedAfterARefreshThatReplaced),
            Right with { Refresh = Without(Right.Refresh, "'floor', rank + 1", "'floor', rank") });
        yield return Case(
            nameof(RedisMappedCacheTests.AFillOfTheSameVersionIsStoredAfterARefreshThatDidNotReplace),
            Right with { Refresh = Without(Right.Refresh, "'floor', ARGV[2]", "'floor', rank + 1") });
        yield return Case(
            nameof(RedisMappedCacheTests.ContentThatHasEndedIsNotStored),
            Right with { Fill = Without(Right.Fill, "expire_entry(ARGV[3], ARGV[6])", "expire_entry(ARGV[3], 0)") });
        yield return Case(
            nameof(RedisMappedCacheTests.ARefreshTakesTheEndOfTheNewContent),
            Right with { Refresh = Without(Right.Refresh, "expire_entry(redis.call('PTTL', KEYS[1]), ARGV[6])", "") });
        yield return Case(
            nameof(RedisMappedCacheTests.ARefreshDoesNotKeepAnEntryLongerThanItWas),
            Right with { Refresh = Without(Right.Refresh, "expire_entry(redis.call('PTTL', KEYS[1]), ARGV[6])", "redis.call('PEXPIREAT', KEYS[1], ARGV[6])") });
        yield return Case(
            nameof(RedisMappedCacheTests.AnEntryOfAnotherMappingDoesNotPreventAFill),
            Right with { Lease = Without(Right.Lease, "return #data < MAPPED_HEADER", "return true") });
        yield return Case(
            nameof(RedisMappedCacheTests.ADamagedEntryIsRemoved),
            Right with { Lease = Without(Right.Lease, "kind <= COMPRESSED and", "") }, 25);
        yield return Case(
            nameof(RedisMappedCacheTests.ADamagedEntryIsRemoved),
            Right with { Lease = Without(Right.Lease, "ends >= 0 and", "") }, 34);
        yield return Case(
            nameof(RedisMappedCacheTests.ADamagedEntryIsRemoved),
            Right with { Lease = Without(Right.Lease, "kind ~= ABSENT and body > 0", "true") }, 47);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task AWrongScriptIsCaught(string testName, object scripts, object[] arguments)
    {
        var fixture = new RedisMappedCacheTests { Scripts = (RedisScripts)scripts };
        await fixture.ConnectAsync();
        try
        {
            // What fails in there must not count as a failure of this test.
            using (new TestExecutionContext.IsolatedContext())
            {
                var test = typeof(RedisMappedCacheTests).GetMethod(testName, BindingFlags.Public | BindingFlags.Instance)!;
                Assert.ThrowsAsync<AssertionException>(() => (Task)test.Invoke(fixture, arguments)!);
            }
        }
        finally
        {
            await fixture.DisconnectAsync();
        }
    }

    private static TestCaseData Case(string test, RedisScripts scripts, params object[] arguments) => new(test, scripts, arguments);
}
