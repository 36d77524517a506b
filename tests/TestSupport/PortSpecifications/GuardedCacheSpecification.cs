using ProductCache.Application;
using ProductCache.Domain;
using static ProductCache.TestSupport.TestProducts;

namespace ProductCache.TestSupport.PortSpecifications;

/// <summary>What every cache that entries are filled through must do; the dangerous interleavings are among it.</summary>
public abstract class GuardedCacheSpecification
{
    /// <summary>One that comes after the present one.</summary>
    private const byte NewFormat = CachedProduct.CompressedFormat + 1;

    protected abstract IGuardedCache Cache { get; }

    /// <summary>The same data as processes see it that read these formats.</summary>
    protected abstract IGuardedCache CacheReading(params byte[] formats);

    [Test]
    public async Task TheFirstReaderTakesTheLeaseAndLaterOnesFindItHeld()
    {
        var id = NewId();

        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
        Assert.That(await TakeLeaseAsync(id), Is.Null);
    }

    [Test]
    public async Task AReleasedLeaseCanBeTakenAgain()
    {
        var id = NewId();
        var lease = await TakeLeaseAsync(id);

        await ReleaseAsync(lease!.Value);

        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task ReleasingALeaseThatSomebodyElseHoldsDoesNothing()
    {
        var id = NewId();
        var readers = await TakeLeaseAsync(id);
        var workers = await ClaimAsync(id);

        await ReleaseAsync(readers!.Value);

        Assert.That(await FillAsync(workers, Entry(id)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AnExpiredLeaseCanBeTakenAgain()
    {
        var id = NewId();
        await TakeLeaseAsync(id);

        await ExpireLeaseAsync(id);

        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task AClaimedProductIsStoredAndReadBack()
    {
        var id = NewId();
        var entry = Entry(id, version: 7);

        var outcome = await FillAsync(await ClaimAsync(id), entry);

        Assert.That(outcome, Is.EqualTo(FillOutcome.Stored));
        Assert.That(await ReadAsync(id), Is.EqualTo(entry.Payload));
        Assert.That(await EntryTimeLeftAsync(id), Is.GreaterThan(TimeSpan.FromMinutes(4)).And.LessThanOrEqualTo(Lifetime));
    }

    [Test]
    public async Task AnAbsentRowBecomesANegativeEntryWithItsOwnLifetime()
    {
        var id = NewId();
        var absence = Absence();

        var outcome = await FillAsync(await ClaimAsync(id), absence);

        Assert.That(outcome, Is.EqualTo(FillOutcome.Stored));
        Assert.That(await ReadAsync(id), Is.EqualTo(absence.Payload));
        Assert.That(await EntryTimeLeftAsync(id), Is.LessThanOrEqualTo(absence.Lifetime));
    }

    [Test]
    public async Task AFillEndsTheLease()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await FillAsync(claim, Entry(id));

        Assert.That(await FillAsync(claim, Entry(id)), Is.EqualTo(FillOutcome.Refused));
    }

    [Test]
    public async Task AReaderWhoMissedBeforeTheFillDoesNotAskAfterIt()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id));

        Assert.That(await TakeLeaseAsync(id), Is.Null);
    }

    [Test]
    public async Task ADuplicateRequestForAFilledProductHasNothingToDo()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id));

        var claims = await Cache.ClaimAsync([id], default);

        Assert.That(claims, Is.EqualTo(new Lease?[] { null }));
    }

    [Test]
    public async Task AnEntryOfAnotherFormatDoesNotStopAFill()
    {
        var id = NewId();
        await PutEntryAsync(id, [NewFormat, 1, 2, 3]);
        var entry = Entry(id);

        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
        await FillAsync(await ClaimAsync(id), entry);

        Assert.That(await ReadAsync(id), Is.EqualTo(entry.Payload));
    }

    [Test]
    public async Task ReadersStarveWhileWorkersWriteAFormatThatTheyDoNotRead()
    {
        // The order that CONTRIBUTING.md forbids.
        var (id, readers, workers) = (NewId(), CacheReading(CachedProduct.Format), CacheReading(CachedProduct.Format, NewFormat));
        await PutEntryOfNewFormatAsync(id);

        // 1. A reader misses and requests the product. 2. A Worker claims and fills it in the new format. 3. The reader misses again.
        Assert.That(await readers.TakeLeaseAsync(id, default), Is.Not.Null);
        Assert.That((await workers.ClaimAsync([new ClaimRequest(id, [])], default))[0], Is.Not.Null);
        await ExpireLeaseAsync(id);
        await PutEntryOfNewFormatAsync(id);
        Assert.That(await readers.TakeLeaseAsync(id, default), Is.Not.Null);

        // A late Worker does nothing, since it reads the entry.
        await ExpireLeaseAsync(id);
        await PutEntryOfNewFormatAsync(id);
        Assert.That((await workers.ClaimAsync([new ClaimRequest(id, [])], default))[0], Is.Null);
    }

    [Test]
    public async Task ReadersThatReadBothFormatsDoNotStarveWhicheverIsWritten()
    {
        // The order that CONTRIBUTING.md requires: first all processes read both formats, then Workers write the new one.
        var (old, renewed) = (NewId(), NewId());
        var both = CacheReading(CachedProduct.Format, NewFormat);
        await FillAsync(await ClaimAsync(old), Entry(old));
        await PutEntryOfNewFormatAsync(renewed);

        Assert.That(await both.TakeLeaseAsync(old, default), Is.Null);
        Assert.That(await both.TakeLeaseAsync(renewed, default), Is.Null);
        Assert.That(await both.ClaimAsync([new ClaimRequest(old, []), new ClaimRequest(renewed, [])], default), Is.All.Null);
    }

    [Test]
    public async Task AClaimRestartsTheExpiryOfTheLease()
    {
        var id = NewId();
        await TakeLeaseAsync(id);
        await LetLeaseAgeAsync(id);

        await ClaimAsync(id);

        Assert.That(await LeaseTimeLeftAsync(id), Is.GreaterThan(TimeSpan.FromSeconds(4)));
    }

    [Test]
    public async Task AFillAfterItsLeaseExpiredIsRefused()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await ExpireLeaseAsync(id);

        Assert.That(await FillAsync(claim, Entry(id)), Is.EqualTo(FillOutcome.Refused));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task AFillAfterAnotherWorkersClaimIsRefused()
    {
        var id = NewId();
        var frozen = await ClaimAsync(id);
        var other = await ClaimAsync(id);

        Assert.That(await FillAsync(frozen, Entry(id, version: 1)), Is.EqualTo(FillOutcome.Refused));
        Assert.That(await FillAsync(other, Entry(id, version: 2)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task ARepeatedClaimCommandDoesNotBringItsFirstTokenBack()
    {
        var id = NewId();
        var (first, second) = await ClaimSentTwiceAsync(id);

        Assert.That(await FillAsync(first, Entry(id)), Is.EqualTo(FillOutcome.Refused));
        Assert.That(await FillAsync(second, Entry(id)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AFillAfterAChangeRaisedTheFloorIsOutdated()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 5));

        Assert.That(await FillAsync(claim, Entry(id, version: 4)), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task AFillOfTheVeryRowThatRaisedTheFloorIsStored()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 5));

        Assert.That(await FillAsync(claim, Entry(id, version: 5)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AnOlderChangeDoesNotLowerTheFloor()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 5));
        await InvalidateAsync(Upsert(id, version: 3));

        Assert.That(await FillAsync(claim, Entry(id, version: 4)), Is.EqualTo(FillOutcome.Outdated));
    }

    [Test]
    public async Task AFillOfADeletedRowIsOutdated()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Deletion(id, version: 5));

        Assert.That(await FillAsync(claim, Entry(id, version: 5)), Is.EqualTo(FillOutcome.Outdated));
    }

    [Test]
    public async Task AnAbsentRowIsOutdatedUnderAnyFloor([Values] bool deleted)
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(new Change(id, new ProductVersion(1), deleted));

        Assert.That(await FillAsync(claim, Absence()), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ARowInsertedWhileItsAbsenceIsFilledIsSeen()
    {
        var id = NewId();

        // 1. A Worker claims and reads: there is no row. 2. The row is inserted, and its change passes by.
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 9));

        // 3. The absence is outdated: 4. the Worker claims and reads again, and finds the row.
        Assert.That(await FillAsync(claim, Absence()), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await FillAsync(await ClaimAsync(id), Entry(id, version: 9)), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AClaimAfterAnOutdatedFillStartsWithoutAFloor()
    {
        var id = NewId();
        await ClaimAsync(id);
        await InvalidateAsync(Deletion(id, version: 5));

        Assert.That(await FillAsync(await ClaimAsync(id), Absence()), Is.EqualTo(FillOutcome.Stored));
    }

    [Test]
    public async Task AFillAfterTheCacheLostEverythingIsRefused()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await LoseEverythingAsync();

        Assert.That(await FillAsync(claim, Entry(id)), Is.EqualTo(FillOutcome.Refused));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task GivingUpFreesTheLease()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 5));
        await FillAsync(claim, Entry(id, version: 4));

        await ReleaseAsync(claim);

        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task AChangeOfAProductThatNobodyReadsLeavesNothing()
    {
        var id = NewId();

        Assert.That(await InvalidateAsync(Upsert(id, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await ReadAsync(id), Is.Null);
        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task AnUpsertRemovesANegativeEntry()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Absence());

        Assert.That(await InvalidateAsync(Upsert(id, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Removed, 0)));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ADeletionRemovesTheEntryOfAnUnreadableRow()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), CachedProduct.Unreadable("The price is negative.", Entry(id).FilledAt, Entry(id).Lifetime));

        Assert.That((await InvalidateAsync(Deletion(id, version: 5))).Outcome, Is.EqualTo(ChangeOutcome.Removed));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ADeletionLeavesANegativeEntry()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Absence());

        Assert.That(await InvalidateAsync(Deletion(id, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await ReadAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task ADeletionRemovesAnEntryOfTheSameVersion()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));

        Assert.That(await InvalidateAsync(Deletion(id, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Removed, 0)));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task AnUpsertTellsTheRankOfAnOlderEntry()
    {
        var id = NewId();
        var entry = Entry(id, version: 5);
        await FillAsync(await ClaimAsync(id), entry);

        Assert.That(await InvalidateAsync(Upsert(id, version: 6)), Is.EqualTo(new ChangeResult(ChangeOutcome.Stale, entry.Rank)));
    }

    [Test]
    public async Task AnEntryOfAVersionThatCannotBeDrawnYetDoesNotOutliveAChange()
    {
        var (id, possible) = (NewId(), NewId());
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5 + ProductVersion.MaxLead + 1));
        await FillAsync(await ClaimAsync(possible), Entry(possible, version: 5 + ProductVersion.MaxLead));

        Assert.That(await InvalidateAsync(Upsert(id, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Removed, 0)));
        Assert.That(await InvalidateAsync(Upsert(possible, version: 5)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await ReadAsync(id), Is.Null);
        Assert.That(await ReadAsync(possible), Is.Not.Null);
    }

    [Test]
    public async Task AnOlderOrRepeatedChangeLeavesTheEntry([Values(4, 5)] long version)
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));

        Assert.That(await InvalidateAsync(Upsert(id, version)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await ReadAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task AnEntryIsKeptBeyondItsLifetime()
    {
        var id = NewId();
        var entry = Entry(id);

        await Cache.FillAsync([new Fill(await ClaimAsync(id), entry, TimeSpan.FromMinutes(10))], default);

        Assert.That(await EntryTimeLeftAsync(id), Is.GreaterThan(TimeSpan.FromMinutes(14)).And.LessThanOrEqualTo(TimeSpan.FromMinutes(15)));
    }

    [Test]
    public async Task AnEarlyLeaseLetsAWorkerReplaceAnEntryThatIsThere()
    {
        var id = NewId();
        var (old, renewed) = (Entry(id, version: 5), Entry(id, version: 6));
        await FillAsync(await ClaimAsync(id), old);

        Assert.That(await TakeEagerLeaseAsync(id, old), Is.Not.Null);
        Assert.That(await FillAsync(await ClaimAsync(id), renewed), Is.EqualTo(FillOutcome.Stored));
        Assert.That(await ReadAsync(id), Is.EqualTo(renewed.Payload));
    }

    [Test]
    public async Task AnEarlyLeaseIsRefusedWhenTheEntryIsNotTheOneSeen()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 6));

        Assert.That(await TakeEagerLeaseAsync(id, Entry(id, version: 5)), Is.Null);
    }

    [Test]
    public async Task AnEarlyLeaseIsRefusedWhenALeaseExists()
    {
        var id = NewId();
        var entry = Entry(id);
        await FillAsync(await ClaimAsync(id), entry);
        await TakeEagerLeaseAsync(id, entry);

        Assert.That(await TakeEagerLeaseAsync(id, entry), Is.Null);
    }

    [Test]
    public async Task AnEarlyLeaseIsRefusedWhenThereIsNoEntry()
    {
        var id = NewId();
        var entry = Entry(id);
        await FillAsync(await ClaimAsync(id), entry);
        await ExpireEntryAsync(id);

        Assert.That(await TakeEagerLeaseAsync(id, entry), Is.Null);
        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task AClaimHasNothingToDoOnceTheEarlyLeaseExpired()
    {
        var id = NewId();
        var entry = Entry(id);
        await FillAsync(await ClaimAsync(id), entry);
        await TakeEagerLeaseAsync(id, entry);
        await ExpireLeaseAsync(id);

        Assert.That(await Cache.ClaimAsync([id], default), Is.EqualTo(new Lease?[] { null }));
    }

    [Test]
    public async Task AClaimRenewsTheEntryThatItsRequestNamesThoughTheLeaseHasExpired([Values("early", "renew")] string asked)
    {
        var id = NewId();
        var (old, renewed) = (Entry(id, version: 5), EntryFilledLater(id));
        await FillAsync(await ClaimAsync(id), old);
        if (asked == "early")
        {
            await TakeEagerLeaseAsync(id, old);
        }
        else
        {
            await RevalidateAsync(id, marker: null);
        }

        // The Workers are behind by more than a lease.
        await ExpireLeaseAsync(id);
        var claim = await ClaimToRenewAsync(id, new EntryTimes(1, 2), EntryTimes.Of(old));

        Assert.That(claim, Is.Not.Null);
        Assert.That(await FillAsync(claim!.Value, renewed), Is.EqualTo(FillOutcome.Stored));
        Assert.That(await ReadAsync(id), Is.EqualTo(renewed.Payload));
    }

    [Test]
    public async Task AClaimDoesNotRenewAnEntryThatWasFilledSince()
    {
        var id = NewId();
        var old = Entry(id);
        await FillAsync(await ClaimAsync(id), old);
        var claim = await ClaimToRenewAsync(id, EntryTimes.Of(old));
        await FillAsync(claim!.Value, EntryFilledLater(id));

        Assert.That(await ClaimToRenewAsync(id, EntryTimes.Of(old)), Is.Null);
    }

    [Test]
    public async Task AClaimRenewsAnEntryThatWasRefreshedSinceItWasSeen()
    {
        var id = NewId();
        var entry = Entry(id, version: 5);
        await FillAsync(await ClaimAsync(id), entry);
        await ReplaceStaleAsync(id, entry.Rank, version: 6);

        Assert.That(await ClaimToRenewAsync(id, EntryTimes.Of(entry)), Is.Not.Null);
    }

    [Test]
    public async Task AClaimThatRenewsWhatIsGoneFillsIt()
    {
        var id = NewId();

        Assert.That(await ClaimToRenewAsync(id, EntryTimes.Of(Entry(id))), Is.Not.Null);
    }

    [Test]
    public async Task ARefreshReplacesTheEntryThatWasFoundStale()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));
        var stale = await InvalidateAsync(Upsert(id, version: 6));

        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 6), Is.EqualTo(RefreshOutcome.Replaced));
        Assert.That(await ReadEntryAsync(id), Has.Property(nameof(CachedProduct.Version)).EqualTo(6));
        Assert.That(await InvalidateAsync(Upsert(id, version: 6)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await ReadEntryAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task ARefreshKeepsTheTimeThatTheEntryHasLeft()
    {
        var id = NewId();
        await Cache.FillAsync([new Fill(await ClaimAsync(id), Entry(id, version: 5), TimeSpan.FromMinutes(10))], default);
        await LetEntryAgeAsync(id);
        var left = await EntryTimeLeftAsync(id);

        await ReplaceStaleAsync(id, Entry(id, version: 5).Rank, version: 6);

        Assert.That(await EntryTimeLeftAsync(id), Is.GreaterThan(left - TimeSpan.FromSeconds(30)).And.LessThanOrEqualTo(left));
    }

    [Test]
    public async Task ARefreshKeepsTheTimesInTheHeader()
    {
        var id = NewId();
        var filledAt = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
        await FillAsync(await ClaimAsync(id), CachedProduct.Of(Product(id, version: 5), filledAt, Lifetime));

        await ReplaceStaleAsync(id, Entry(id, version: 5).Rank, version: 6);

        Assert.That(await ReadAsync(id), Is.EqualTo(CachedProduct.Of(Product(id, version: 6), filledAt, Lifetime).Payload));
    }

    [Test]
    public async Task ARefreshOverANegativeEntryDoesNothing()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));
        var stale = await InvalidateAsync(Upsert(id, version: 6));

        // The row is deleted after the Worker read it, and its absence is filled before the refresh.
        await InvalidateAsync(Deletion(id, version: 6));
        var absence = Absence();
        await FillAsync(await ClaimAsync(id), absence);

        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 6), Is.EqualTo(RefreshOutcome.Current));
        Assert.That(await ReadAsync(id), Is.EqualTo(absence.Payload));
    }

    [Test]
    public async Task ARefreshWhoseEntryWasReplacedSinceItWasFoundStaleRemovesIt()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));
        var stale = await InvalidateAsync(Upsert(id, version: 6));

        // Another Worker replaces it by row 6. The state in between is unknown now.
        await ReplaceStaleAsync(id, stale.StaleRank, version: 6);

        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 7), Is.EqualTo(RefreshOutcome.Removed));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ARefreshAfterTheEntryExpiredCreatesNothing()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id, version: 5));
        var stale = await InvalidateAsync(Upsert(id, version: 6));
        await ExpireEntryAsync(id);

        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 6), Is.EqualTo(RefreshOutcome.Current));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ARefreshLeavesAnEntryThatIsAsNewOrNewer([Values(5, 6)] long version)
    {
        var id = NewId();
        var entry = Entry(id, version: 6);
        await FillAsync(await ClaimAsync(id), entry);

        Assert.That(await ReplaceStaleAsync(id, Entry(id, version: 4).Rank, version), Is.EqualTo(RefreshOutcome.Current));
        Assert.That(await ReadAsync(id), Is.EqualTo(entry.Payload));
    }

    [Test]
    public async Task ARefreshOverAnEntryOfAnotherFormatRemovesIt()
    {
        var id = NewId();
        await PutEntryAsync(id, [NewFormat, .. new byte[CachedProduct.HeaderLength]]);
        var stale = await InvalidateAsync(Upsert(id, version: 6));

        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 6), Is.EqualTo(RefreshOutcome.Removed));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ARefreshRaisesTheFloorUnderARunningEarlyRefill()
    {
        var id = NewId();
        var entry = Entry(id, version: 5);
        await FillAsync(await ClaimAsync(id), entry);
        var stale = await InvalidateAsync(Upsert(id, version: 6));

        // 1. A reader asks early. 2. A Worker claims and reads row 5 still; the row becomes 7, and the change to 6, which has
        // passed by already, is refreshed with what SQL says by now.
        await TakeEagerLeaseAsync(id, entry);
        var claim = await ClaimAsync(id);
        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 7), Is.EqualTo(RefreshOutcome.Replaced));

        // 3. Readers have seen row 7: row 5 must not come back.
        Assert.That(await FillAsync(claim, entry), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await ReadEntryAsync(id), Has.Property(nameof(CachedProduct.Version)).EqualTo(7));
    }

    [Test]
    public async Task ARowThatDrewItsNumberFirstAndCommitsLastRemovesTheNegativeEntry()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Absence());

        // 1. Number 10 is drawn. 2. Row 11 is inserted, committed and read.
        await InvalidateAsync(Upsert(id, version: 11));
        var claim = await ClaimAsync(id);

        // 3. Row 11 is deleted: its fill is outdated, and absence is stored.
        await InvalidateAsync(Deletion(id, version: 11));
        Assert.That(await FillAsync(claim, Entry(id, version: 11)), Is.EqualTo(FillOutcome.Outdated));
        Assert.That(await FillAsync(await ClaimAsync(id), Absence()), Is.EqualTo(FillOutcome.Stored));

        // 4. Row 10 is committed, although its number is lower than that of all the others.
        Assert.That((await InvalidateAsync(Upsert(id, version: 10))).Outcome, Is.EqualTo(ChangeOutcome.Removed));
        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task ARowThatDrewItsNumberFirstAndCommitsLastIsFilledInTheEnd()
    {
        var id = NewId();

        // 1. Number 10 is drawn. 2. Row 11 is committed and cached. 3. Row 11 is deleted, row 10 is committed.
        await FillAsync(await ClaimAsync(id), Entry(id, version: 11));
        await InvalidateAsync(Deletion(id, version: 11));

        // 4. Absence, read before that commit, finds a floor, however low; so does row 10 itself under the deletion.
        var claim = await ClaimAsync(id);
        await InvalidateAsync(Upsert(id, version: 10));
        Assert.That(await FillAsync(claim, Absence()), Is.EqualTo(FillOutcome.Outdated));
        await InvalidateAsync(Deletion(id, version: 11));
        Assert.That(await FillAsync(claim, Entry(id, version: 10)), Is.EqualTo(FillOutcome.Outdated));

        // 5. The next claim starts anew, and what is delivered again of row 11 does not bring it back.
        Assert.That(await FillAsync(await ClaimAsync(id), Entry(id, version: 10)), Is.EqualTo(FillOutcome.Stored));
        var stale = await InvalidateAsync(Upsert(id, version: 11));
        Assert.That(await ReplaceStaleAsync(id, stale.StaleRank, version: 10), Is.EqualTo(RefreshOutcome.Current));
        Assert.That(await ReadEntryAsync(id), Has.Property(nameof(CachedProduct.Version)).EqualTo(10));
    }

    [Test]
    public async Task WhoDemandsAFreshProductTakesTheLeaseAlsoOverAnEntry()
    {
        var id = NewId();
        var entry = Entry(id);
        await FillAsync(await ClaimAsync(id), entry);

        var renewal = await RevalidateAsync(id, marker: null);

        Assert.That(renewal.Outcome, Is.EqualTo(RevalidationOutcome.Asked));
        Assert.That(renewal.Entry?.Payload, Is.EqualTo(entry.Payload));
        Assert.That(renewal.Lease, Is.Not.Null);
        Assert.That((await RevalidateAsync(id, marker: null)).Lease, Is.Null);
        await ClaimAsync(id);
    }

    [Test]
    public async Task AFillClaimedAfterTheMarkerIsARenewal()
    {
        var id = NewId();
        var old = Entry(id);
        var newer = EntryFilledLater(id);
        await FillAsync(await ClaimAsync(id), old);
        await RevalidateAsync(id, marker: null);

        await FillAsync(await ClaimAsync(id), newer);

        var renewal = await RevalidateAsync(id, await MarkerAsync(id, old));
        Assert.That(renewal, Is.EqualTo(new Revalidation(RevalidationOutcome.Renewed, renewal.Entry, null, renewal.History)));
        Assert.That(renewal.Entry?.Payload, Is.EqualTo(newer.Payload));
    }

    [Test]
    public async Task AFirstFillIsARenewalOfNothing()
    {
        var id = NewId();
        var renewal = await RevalidateAsync(id, marker: null);

        await FillAsync(await ClaimAsync(id), Entry(id));

        Assert.That(renewal.Entry, Is.Null);
        Assert.That((await RevalidateAsync(id, await MarkerAsync(id, null))).Outcome, Is.EqualTo(RevalidationOutcome.Renewed));
    }

    [Test]
    public async Task WhileAWorkerIsAtItThereIsNoMarkSinceItMayHaveReadAlready()
    {
        var id = NewId();
        await ClaimAsync(id);

        var renewal = await RevalidateAsync(id, marker: null);
        Assert.That(renewal, Is.EqualTo(new Revalidation(RevalidationOutcome.Busy, null, null, renewal.History)));
    }

    [Test]
    public async Task AMarkerFromBeforeAFailoverIsInvalid()
    {
        var id = NewId();
        var (older, entry) = (Entry(id, version: 1), Entry(id, version: 2));
        await FillAsync(await ClaimAsync(id), entry);
        var before = await RevalidateAsync(id, marker: null);
        var marker = new RevalidationMarker(entry, before.History);

        // The server that takes over has missed the fill, so it has the entry of before, with other times.
        await FailOverAsync();
        await ExpireLeaseAsync(id);
        await PutEntryAsync(id, CachedProduct.Of(Product(id, version: 1), older.FilledAt.AddMinutes(-1), Lifetime).Payload);

        var after = await RevalidateAsync(id, marker);
        Assert.That(after.Outcome, Is.EqualTo(RevalidationOutcome.Asked));
        Assert.That(after.History, Is.Not.EqualTo(before.History));
        await FillAsync(await ClaimAsync(id), entry);
        Assert.That((await RevalidateAsync(id, new RevalidationMarker(after.Entry, after.History))).Outcome, Is.EqualTo(RevalidationOutcome.Renewed));
    }

    [Test]
    public async Task ARefreshIsNoRenewal()
    {
        var id = NewId();
        var entry = Entry(id, version: 5);
        await FillAsync(await ClaimAsync(id), entry);

        await ReplaceStaleAsync(id, staleRank: 10, version: 6);

        var renewal = await RevalidateAsync(id, await MarkerAsync(id, entry));
        Assert.That(renewal.Outcome, Is.EqualTo(RevalidationOutcome.Asked));
        Assert.That(renewal.Entry?.Version, Is.EqualTo(6));
    }

    [Test]
    public async Task AnEntryOfAnotherFormatIsNoRenewal()
    {
        var id = NewId();
        await PutEntryAsync(id, [NewFormat, .. Entry(id).Payload[1..]]);

        Assert.That(await RevalidateAsync(id, await MarkerAsync(id, null)), Has.Property("Outcome").EqualTo(RevalidationOutcome.Asked).And.Property("Entry").Null);
    }

    [Test]
    public async Task ARemovedEntryIsGoneAndAskedForAnew()
    {
        var id = NewId();
        await FillAsync(await ClaimAsync(id), Entry(id));

        await Cache.RemoveAsync([id, NewId()], default);

        Assert.That(await ReadAsync(id), Is.Null);
        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task ARemovalTakesTheLeaseTooAndTheFillUnderItIsRefused()
    {
        var id = NewId();
        var claim = await ClaimAsync(id);

        await Cache.RemoveAsync([id], default);

        Assert.That(await FillAsync(claim, Entry(id)), Is.EqualTo(FillOutcome.Refused));
        Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
    }

    [Test]
    public async Task ADamagedEntryIsRemovedByAnyStepAndCountsAsMissing(
        [Values] DamagedPayload damage, [Values("lease", "early", "renew", "claim", "change", "refresh")] string step)
    {
        var id = NewId();
        var entry = Entry(id, version: 5);
        await PutEntryAsync(id, Damaged(entry.Payload, damage), entry.Rank);

        switch (step)
        {
            case "lease":
                Assert.That(await TakeLeaseAsync(id), Is.Not.Null);
                break;
            case "early":
                Assert.That(await TakeEagerLeaseAsync(id, entry), Is.Null);
                break;
            case "renew":
                var renewal = await RevalidateAsync(id, await MarkerAsync(id, null));
                Assert.That(renewal, Is.EqualTo(new Revalidation(RevalidationOutcome.Asked, null, renewal.Lease, renewal.History)));
                Assert.That(renewal.Lease, Is.Not.Null);
                break;
            case "claim":
                await ClaimAsync(id);
                break;
            case "change":
                Assert.That(await InvalidateAsync(Upsert(id, version: 6)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
                break;
            case "refresh":
                Assert.That(await ReplaceStaleAsync(id, entry.Rank, version: 6), Is.EqualTo(RefreshOutcome.Current));
                break;
        }

        Assert.That(await ReadAsync(id), Is.Null);
    }

    [Test]
    public async Task AnEntryOfAnotherFormatIsLeftToThoseWhoReadIt()
    {
        var id = NewId();
        byte[] payload = [NewFormat, 1, 2, 3];
        await PutEntryAsync(id, payload);

        await TakeLeaseAsync(id);
        await ClaimAsync(id);

        Assert.That(await InvalidateAsync(Upsert(id, version: 1)), Is.EqualTo(new ChangeResult(ChangeOutcome.Current, 0)));
        Assert.That(await InvalidateAsync(Upsert(id, version: 2)), Is.EqualTo(new ChangeResult(ChangeOutcome.Stale, 2)));
        Assert.That(await ReadAsync(id), Is.EqualTo(payload));
    }

    [Test]
    public async Task ABatchIsAnsweredInTheOrderOfItsProducts()
    {
        ProductId[] ids = [NewId(), NewId(), NewId()];
        await FillAsync(await ClaimAsync(ids[1]), Entry(ids[1]));

        var claims = await Cache.ClaimAsync(ids, default);
        Assert.That(claims.Select(claim => claim?.Id), Is.EqualTo(new ProductId?[] { ids[0], null, ids[2] }));

        await InvalidateAsync(Upsert(ids[2], version: 2));
        var outcomes = await Cache.FillAsync([new Fill(claims[0]!.Value, Entry(ids[0])), new Fill(claims[2]!.Value, Entry(ids[2]))], default);
        Assert.That(outcomes, Is.EqualTo(new[] { FillOutcome.Stored, FillOutcome.Outdated }));
    }

    [Test]
    public async Task AnEmptyBatchIsNothing()
    {
        Assert.That(await Cache.ClaimAsync([], default), Is.Empty);
        Assert.That(await Cache.FillAsync([], default), Is.Empty);
        Assert.That(await Cache.InvalidateAsync([], default), Is.Empty);
        Assert.That(await Cache.ReplaceStaleAsync([], default), Is.Empty);
    }

    protected abstract Task<byte[]?> ReadAsync(ProductId id);

    protected abstract Task<TimeSpan> EntryTimeLeftAsync(ProductId id);

    protected abstract Task<TimeSpan> LeaseTimeLeftAsync(ProductId id);

    /// <summary>Lets most of the lease's lifetime pass.</summary>
    protected abstract Task LetLeaseAgeAsync(ProductId id);

    protected abstract Task ExpireLeaseAsync(ProductId id);

    /// <summary>Lets some of the entry's lifetime pass.</summary>
    protected abstract Task LetEntryAgeAsync(ProductId id);

    protected abstract Task ExpireEntryAsync(ProductId id);

    protected abstract Task LoseEverythingAsync();

    /// <summary>An entry as a process of another version of this software, or a mistaken hand, would write it.</summary>
    protected abstract Task PutEntryAsync(ProductId id, byte[] payload, long rank = 2);

    /// <summary>Another server takes over, with the data that is there.</summary>
    protected abstract Task FailOverAsync();

    /// <summary>One claim command that a client library sends twice: the tokens of both executions.</summary>
    protected abstract Task<(Lease First, Lease Second)> ClaimSentTwiceAsync(ProductId id);

    private Task PutEntryOfNewFormatAsync(ProductId id) => PutEntryAsync(id, [NewFormat, .. Entry(id).Payload[1..]]);

    private Task<Lease?> TakeLeaseAsync(ProductId id) => Cache.TakeLeaseAsync(id, default);

    private Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen) => Cache.TakeEagerLeaseAsync(id, seen, default);

    private Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker) => Cache.RevalidateAsync(id, marker, default);

    /// <summary>How a payload can be damaged so that readers miss.</summary>
    public enum DamagedPayload
    {
        CutOff,
        WithoutBody,
        AnotherVersion,
        NegativeVersion,
        NegativeTime,
        TimeBeyondTheYear9999,
        NegativeLifetime,
    }

    private static byte[] Damaged(byte[] payload, DamagedPayload damage)
    {
        byte[] damaged = [.. payload];
        switch (damage)
        {
            case DamagedPayload.CutOff:
                return damaged[..(CachedProduct.HeaderLength - 1)];
            case DamagedPayload.WithoutBody:
                return damaged[..CachedProduct.HeaderLength];
            case DamagedPayload.AnotherVersion:
                damaged[8]++;
                break;
            case DamagedPayload.NegativeVersion:
                damaged[1] = 0xFF;
                break;
            case DamagedPayload.NegativeTime:
                damaged[CachedProduct.TimesOffset] = 0xFF;
                break;
            case DamagedPayload.TimeBeyondTheYear9999:
                damaged[CachedProduct.TimesOffset] = 0x01;
                break;
            case DamagedPayload.NegativeLifetime:
                damaged[CachedProduct.TimesOffset + sizeof(long)] = 0xFF;
                break;
        }

        return damaged;
    }

    /// <summary>As a renewal would have made it just now.</summary>
    protected async Task<RevalidationMarker> MarkerAsync(ProductId id, CachedProduct? entry) =>
        new(entry, (await RevalidateAsync(await NewIdBesideAsync(id), marker: null)).History);

    /// <summary>An id that the same server holds: each server of a cluster has a history of its own.</summary>
    protected virtual Task<ProductId> NewIdBesideAsync(ProductId id) => Task.FromResult(NewId());

    private static CachedProduct EntryFilledLater(ProductId id)
    {
        var entry = Entry(id);
        return CachedProduct.Of(Product(id, version: 1), entry.FilledAt.AddMilliseconds(1), entry.Lifetime);
    }

    private async Task<RefreshOutcome> ReplaceStaleAsync(ProductId id, long staleRank, long version) =>
        (await Cache.ReplaceStaleAsync([Refresh.To(Product(id, version), staleRank)], default))[0];

    private async Task<CachedProduct?> ReadEntryAsync(ProductId id) => CachedProduct.TryRead(await ReadAsync(id), out var entry) ? entry : null;

    private async Task<Lease> ClaimAsync(ProductId id)
    {
        var claim = (await Cache.ClaimAsync([id], default))[0];
        Assert.That(claim, Is.Not.Null, "The claim was refused.");
        return claim!.Value;
    }

    private async Task<Lease?> ClaimToRenewAsync(ProductId id, params EntryTimes[] renews) =>
        (await Cache.ClaimAsync([new ClaimRequest(id, renews)], default))[0];

    private async Task<FillOutcome> FillAsync(Lease claim, CachedProduct entry) => (await Cache.FillAsync([new Fill(claim, entry)], default))[0];

    private Task ReleaseAsync(Lease lease) => Cache.ReleaseAsync([lease], default);

    private async Task<ChangeResult> InvalidateAsync(Change change) => (await Cache.InvalidateAsync([change], default))[0];
}
