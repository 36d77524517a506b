using System.Reflection;
using NUnit.Framework.Internal;
using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport.PortSpecifications;
using static ProductCache.IntegrationTests.Redis.WrongScripts;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>Every rule of the scripts is needed: without it, the named test of the contract fails.</summary>
public sealed class WrongScriptsTests
{
    private static readonly RedisScripts Right = RedisScripts.Default;

    public static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterItsLeaseExpiredIsRefused), FillWithoutToken);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAnotherWorkersClaimIsRefused), FillWithoutToken);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterTheCacheLostEverythingIsRefused), FillWithoutToken);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARepeatedClaimCommandDoesNotBringItsFirstTokenBack),
            ClaimReusesItsToken);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAChangeRaisedTheFloorIsOutdated), FillWithoutFloor);
        yield return Case(nameof(RedisGuardedCacheTests.AFillAfterAChangeRaisedTheFloorIsOutdated), ChangeWithoutFloor);
        yield return Case(nameof(RedisGuardedCacheTests.AFillOfADeletedRowIsOutdated), ChangeWithoutFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AnOlderChangeDoesNotLowerTheFloor),
            Right with { Change = Without(Right.Change, "if floor and tonumber(floor) < rank then", "if floor then") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEntryOfAVersionThatCannotBeDrawnYetDoesNotOutliveAChange),
            Right with { Change = Without(Right.Change, "if current and tonumber(current) - rank > MAX_LEAD", "if false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnAbsentRowIsOutdatedUnderAnyFloor),
            AbsenceIsStoredUnderAFloor,
            false);
        yield return Case(nameof(RedisGuardedCacheTests.ARowInsertedWhileItsAbsenceIsFilledIsSeen), ChangeWithoutFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimAfterAnOutdatedFillStartsWithoutAFloor),
            ClaimKeepsTheFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimRestartsTheExpiryOfTheLease),
            Right with { Claim = Without(Right.Claim, "redis.call('PEXPIRE', KEYS[2], ARGV[2])") });
        yield return Case(
            nameof(RedisGuardedCacheTests.GivingUpFreesTheLease),
            Right with { Release = Without(Right.Release, "return redis.call('DEL', KEYS[2])", "return 0") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ReleasingALeaseThatSomebodyElseHoldsDoesNothing),
            Right with { Release = Without(Right.Release, "read_lease()[1] == ARGV[1]", "true") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ADuplicateRequestForAFilledProductHasNothingToDo),
            Right with { Claim = Without(Right.Claim, "if data and not token and not is_to_be_renewed()", "if false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AReaderWhoMissedBeforeTheFillDoesNotAskAfterIt),
            Right with { Lease = Without(Right.Lease, "if read_data()", "if false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AFillEndsTheLease),
            Right with { Fill = Without(Right.Fill, "redis.call('DEL', KEYS[2])\nreturn 'stored'", "return 'stored'") });
        yield return Case(nameof(RedisGuardedCacheTests.AnUpsertRemovesANegativeEntry), NegativeEntrySurvivesAnUpsert);
        yield return Case(nameof(RedisGuardedCacheTests.ARowThatDrewItsNumberFirstAndCommitsLastRemovesTheNegativeEntry), NegativeEntrySurvivesAnUpsert);
        yield return Case(nameof(RedisGuardedCacheTests.ARowThatDrewItsNumberFirstAndCommitsLastIsFilledInTheEnd), ClaimKeepsTheFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEntryIsKeptBeyondItsLifetime),
            Right with { Fill = Without(Right.Fill, "expire_entry(ARGV[3], ARGV[6])", "redis.call('PEXPIRE', KEYS[1], 300000)") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEarlyLeaseLetsAWorkerReplaceAnEntryThatIsThere),
            Right with { Claim = Without(Right.Claim, "if data and not token and", "if data and") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimHasNothingToDoOnceTheEarlyLeaseExpired),
            Right with { Claim = Without(Right.Claim, "if data and not token and not is_to_be_renewed()", "if false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimRenewsTheEntryThatItsRequestNamesThoughTheLeaseHasExpired), ClaimDoesNotRenew, "early");
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimRenewsTheEntryThatItsRequestNamesThoughTheLeaseHasExpired),
            Right with { Claim = Without(Right.Claim, "for first = 1, #ARGV[3], 16 do", "for first = 1, math.min(#ARGV[3], 16), 16 do") },
            "renew");
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimDoesNotRenewAnEntryThatWasFilledSince),
            Right with { Claim = Without(Right.Claim, "string.sub(ARGV[3], first, first + 15) == string.sub(data, 10, 25)", "true") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AClaimRenewsAnEntryThatWasRefreshedSinceItWasSeen), ClaimDoesNotRenew);
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEarlyLeaseIsRefusedWhenTheEntryIsNotTheOneSeen),
            Right with { Early = Without(Right.Early, " or string.sub(data, 1, #ARGV[3]) ~= ARGV[3]") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEarlyLeaseIsRefusedWhenALeaseExists),
            Right with { Early = Without(Right.Early, "if read_lease()[1]", "if false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEarlyLeaseIsRefusedWhenThereIsNoEntry),
            Right with { Early = Without(Right.Early, "not data or string.sub(data, 1, #ARGV[3]) ~= ARGV[3]", "data and string.sub(data, 1, #ARGV[3]) ~= ARGV[3]") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshReplacesTheEntryThatWasFoundStale),
            Right with { Refresh = Without(Right.Refresh, "'data', data, 'rank', ARGV[2])", "'data', data)") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshKeepsTheTimeThatTheEntryHasLeft),
            Right with { Refresh = Without(Right.Refresh, "return 'replaced'", "redis.call('PERSIST', KEYS[1])\nreturn 'replaced'") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshKeepsTheTimesInTheHeader),
            Right with { Refresh = Without(Right.Refresh, "string.sub(entry[2], first, last)", "string.sub(ARGV[3], first, last)") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshOverANegativeEntryDoesNothing),
            Right with { Refresh = Without(Right.Refresh, "(current == 0 and not mapped) or current >= rank", "current >= rank") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshWhoseEntryWasReplacedSinceItWasFoundStaleRemovesIt),
            RefreshReplacesWhateverIsThere);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshAfterTheEntryExpiredCreatesNothing),
            RefreshCreatesEntries);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshLeavesAnEntryThatIsAsNewOrNewer),
            Right with { Refresh = Without(Right.Refresh, "(current == 0 and not mapped) or current >= rank", "(current == 0 and not mapped) or current > rank") },
            6);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshLeavesAnEntryThatIsAsNewOrNewer),
            Right with { Refresh = Without(Right.Refresh, "(current == 0 and not mapped) or current >= rank", "(current == 0 and not mapped) or current == rank") },
            5);
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshOverAnEntryOfAnotherFormatRemovesIt),
            Right with { Refresh = Without(Right.Refresh, " or is_mapped(entry[2]) ~= mapped or kind_of(entry[2]) ~= kind_of(ARGV[3])") });
        yield return Case(nameof(RedisGuardedCacheTests.ARefreshRaisesTheFloorUnderARunningEarlyRefill), RefreshWithoutFloor);
        yield return Case(
            nameof(RedisGuardedCacheTests.WhoDemandsAFreshProductTakesTheLeaseAlsoOverAnEntry),
            Right with { Renew = Without(Right.Renew, "if token then", "token = token or data and string.rep('r', 32)\nif token then") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AFillClaimedAfterTheMarkerIsARenewal),
            Right with { Renew = Without(Right.Renew, "string.sub(data, 10, 25)", "marker") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AMarkerFromBeforeAFailoverIsInvalid),
            Right with { Renew = Without(Right.Renew, "ARGV[4] == here and ARGV[3] or ''", "ARGV[3]") });
        yield return Case(
            nameof(RedisGuardedCacheTests.WhileAWorkerIsAtItThereIsNoMarkSinceItMayHaveReadAlready),
            Right with { Renew = Without(Right.Renew, "string.sub(token, 1, 1) == 'w'", "false") });
        yield return Case(
            nameof(RedisGuardedCacheTests.ARefreshIsNoRenewal),
            Right with { Renew = Without(Right.Renew, "string.sub(data, 10, 25) ~= marker", "string.sub(data, 2, 25) ~= marker") });
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEntryOfAnotherFormatIsNoRenewal),
            Right with { Renew = Without(Right.Renew, "return data and is_readable(data) and data or false", "return data or false") });

        yield return Case(
            nameof(RedisGuardedCacheTests.ReadersThatReadBothFormatsDoNotStarveWhicheverIsWritten),
            Right with { Lease = Without(Right.Lease, "string.find(readable, string.sub(data, 1, 1), 1, true) ~= nil", "string.byte(ARGV[#ARGV]) == string.byte(data)") });

        // What is not as we write it.
        yield return DamagedEntry("if left == -1 then", "if false then", "no expiry");
        yield return DamagedEntry("fields[4] == '-1'", "fields[4]", "a sliding end");
        yield return DamagedEntry(" and is_ticks(fields[3])", "", "no end");
        yield return DamagedEntry("string.find(text, '^[1-9]%d*$') ~= nil and (#text", "(#text", "an end that is no number");
        yield return DamagedEntry("and text <= MAX_TICKS", "", "an end beyond the year 9999");
        yield return DamagedEntry("(text == '0' or string.find(text, '^[1-9]%d*$') ~= nil) and ", "", "a rank with a leading zero");
        yield return DamagedLease(" and tonumber(text) <= MAX_RANK", "", "a floor that no version has");
        yield return DamagedEntry("and 2 * version == tonumber(rank)", "", "a rank of another version");
        yield return Case(
            nameof(RedisGuardedCacheTests.AnEntryThatIsNotAsItIsWrittenIsRemovedAndCountsAsMissing),
            Right with { Fill = Without(Right.Fill, "string.sub(reply.err, 1, 9) == 'WRONGTYPE'", "false") },
            "a string",
            "fill");
        yield return DamagedLease("if left == -1 then", "if false then", "no expiry");
        yield return DamagedLease("#fields[1] > 0 and is_rank(fields[2])", "is_rank(fields[2])", "an empty token");
        yield return DamagedLease("#fields[1] > 0 and is_rank(fields[2])", "fields[2]", "a floor that is no number");
        yield return DamagedPayload("return (version == 0 and format ~= COMPRESSED) or #data > 25", "return true", GuardedCacheSpecification.DamagedPayload.WithoutBody);
        yield return DamagedPayload("filled_at >= 0 and ", "", GuardedCacheSpecification.DamagedPayload.NegativeTime);
        yield return DamagedPayload(" and filled_at <= MAX_MILLISECONDS", "", GuardedCacheSpecification.DamagedPayload.TimeBeyondTheYear9999);
        yield return DamagedPayload(" and lifetime >= 0", "", GuardedCacheSpecification.DamagedPayload.NegativeLifetime);
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

    private static TestCaseData DamagedEntry(string rule, string instead, string damage) => Case(
        nameof(RedisGuardedCacheTests.AnEntryThatIsNotAsItIsWrittenIsRemovedAndCountsAsMissing),
        Right with { Change = Without(Right.Change, rule, instead) },
        damage,
        "change");

    private static TestCaseData DamagedLease(string rule, string instead, string damage) => Case(
        nameof(RedisGuardedCacheTests.ALeaseThatIsNotAsItIsWrittenIsRemovedAndCountsAsMissing),
        Right with { Lease = Without(Right.Lease, rule, instead) },
        damage,
        "lease");

    private static TestCaseData DamagedPayload(string rule, string instead, GuardedCacheSpecification.DamagedPayload damage) => Case(
        nameof(RedisGuardedCacheTests.ADamagedEntryIsRemovedByAnyStepAndCountsAsMissing),
        Right with { Lease = Without(Right.Lease, rule, instead) },
        damage,
        "lease");
}
