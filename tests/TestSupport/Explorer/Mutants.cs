using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport.Model;
using CacheState = ProductCache.TestSupport.InMemoryCache.CacheState;

namespace ProductCache.TestSupport.Explorer;

/// <summary>The rules of the protocol that the promises depend on, each left out alone. The explorer must find each of them.</summary>
internal static class Mutants
{
    public static readonly IReadOnlyList<Mutant> All =
    [
        new("AChangeDoesNotRaiseTheFloor", Scenarios.Read) { Cache = cache => new ChangeLeavesTheFloor(cache) },
        new("ARefreshDoesNotRaiseTheFloor", Cached(Scenarios.Early)) { Cache = cache => new RefreshLeavesTheFloor(cache) },
        new("AFillIsNotComparedWithTheFloor", Scenarios.Read) { Cache = cache => new FillIgnoresTheFloor(cache) },
        new("AnAbsenceIsNotComparedWithTheFloor", Scenarios.Read) { Cache = cache => new AbsenceIgnoresTheFloor(cache) },
        new("AFillIsNotComparedWithTheToken", Scenarios.Read) { Cache = cache => new FillIgnoresTheToken(cache) },
        new("ASecondExecutionOfAClaimHasTheTokenOfTheFirst", Scenarios.Read) { Cache = cache => new ClaimReusesItsToken(cache) },
        new("SqlIsReadBeforeTheClaim", Scenarios.Read) { ReadsSqlBeforeTheClaim = true },
        new("ARefreshCreatesAnEntry", Scenarios.Read) { Cache = cache => new RefreshCreates(cache) },
        new("ARefreshReplacesAnotherEntryThanTheStaleOne", Scenarios.Late) { Cache = cache => new RefreshReplacesAnyEntry(cache) },
        new("AnUpsertLeavesANegativeEntry", Scenarios.Read) { Cache = cache => new NegativeEntrySurvives(cache) },
        new("ADeletionLeavesTheEntry", Scenarios.Read) { Cache = cache => new EntrySurvivesItsDeletion(cache) },
        new("AStaleEntryIsTakenForCurrent", Scenarios.Read) { Cache = cache => new StaleIsCurrent(cache) },
        new("ARenewalIsNotComparedWithItsMarker", Cached(Scenarios.Fresh)) { Cache = cache => new RenewalIgnoresItsMarker(cache) },
        new("ARefreshWritesTheTimesOfAnEntryAnew", Cached(Scenarios.Fresh)) { Cache = cache => new RefreshWritesTimes(cache) },
        new("AClaimLooksLikeTheLeaseOfAReader", Scenarios.Fresh) { Cache = cache => new ClaimWithoutItsPrefix(cache) },
        new("AnEarlyRefreshDoesNotSayWhatItRenews", Scenarios.EarlyBehind) { DropsWhatARequestRenews = true },
        new("ANoCacheRequestDoesNotSayWhatItRenews", Scenarios.FreshBehind) { DropsWhatARequestRenews = true },
        new("AMarkerIsKeptThoughTheHistoryIsAnother", Cached(Scenarios.Fresh)) { Cache = cache => new RenewalHidesTheHistory(cache) },
        new("AChangeLeavesAnUnreadableEntry", Scenarios.Unreadable) { Cache = cache => new NegativeEntrySurvives(cache) },
        new("AChangeOfAMappedProductDoesNotRaiseTheFloor", Scenarios.Mapped) { Cache = cache => new ChangeLeavesTheFloor(cache) },
        new("AFillOfAMappedProductIsNotComparedWithTheFloor", Scenarios.Mapped) { Cache = cache => new FillIgnoresTheFloor(cache) },
        new("AFillOfAMappedProductIsNotComparedWithTheToken", Scenarios.Mapped) { Cache = cache => new FillIgnoresTheToken(cache) },
        new("AReplacedBodyDoesNotRaiseTheFloorByOneMore", Scenarios.MappedEarly) { Cache = cache => new RefreshRaisesTheFloorToItsRank(cache) },
        new("AStaleEntryOfAMappingIsTakenForCurrent", Scenarios.Mapped) { Cache = cache => new StaleIsCurrent(cache) },
        new("AVersionOfZeroIsTakenForNoEntry", Scenarios.MappedAbsent) { Cache = cache => new RefreshTakesZeroForNothing(cache) },
        new("ATableOfAMappingIsNotWatched", Scenarios.Mapped with { KeysAreWatched = false }),
        new("ChangedIsPublishedBeforeTheRefresh", Cached(Scenarios.Near)) { PlantedBug = PlantedBug.ChangedIsPublishedBeforeTheRefresh },
        new("ChangedIsPublishedForEntriesOnly", Cached(Scenarios.Near)) { PlantedBug = PlantedBug.ChangedIsPublishedForEntriesOnly },
        new("TheNearCacheDoesNotRegisterItsReads", Cached(Scenarios.Near)) { PlantedBug = PlantedBug.NearCacheIgnoresPendingReads },
        new("TheNearCacheDoesNotNoticeALostMessage", Cached(Scenarios.Near)) { PlantedBug = PlantedBug.NearCacheIgnoresGaps },
    ];

    // What needs an entry is found sooner among the states that come after a first fill.
    private static Scenario Cached(Scenario scenario) => scenario with { Name = $"{scenario.Name}, and the product is cached", StartsCached = true };

    // A mutant runs the right step and changes the state of the cache before or after it.
    private abstract class WrongCache(InMemoryCache cache) : ExploredCache(cache)
    {
        protected void SetLease(Func<InMemoryCache.StoredLease, InMemoryCache.StoredLease> change)
        {
            if (State.Lease is { } lease)
            {
                State = State with { Lease = change(lease) };
            }
        }

        protected static byte[] WithTimes(CachedProduct entry, long filledAt)
        {
            byte[] payload = [.. entry.Payload];
            new EntryTimes(filledAt, (long)TimeSpan.FromMinutes(1).TotalMilliseconds).Write(payload.AsSpan(CachedProduct.TimesOffset));
            return payload;
        }

        protected void KeepFloor(CacheState before) => SetLease(lease => lease with { Floor = before.Lease!.Floor });
    }

    private sealed class ChangeLeavesTheFloor(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
        {
            var before = State;
            var results = await base.InvalidateAsync(changes, cancellationToken);
            KeepFloor(before);
            return results;
        }
    }

    private sealed class RefreshRaisesTheFloorToItsRank(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
        {
            var outcomes = await base.ReplaceStaleAsync(refreshes, cancellationToken);
            SetLease(lease => refreshes is [var refresh] && lease.Floor == refresh.Entry.Rank + 1 ? lease with { Floor = refresh.Entry.Rank } : lease);
            return outcomes;
        }
    }

    private sealed class RefreshTakesZeroForNothing(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
            State.Entry is { Rank: 0 } ? Task.FromResult<IReadOnlyList<RefreshOutcome>>([.. refreshes.Select(_ => RefreshOutcome.Current)]) : base.ReplaceStaleAsync(refreshes, cancellationToken);
    }

    private sealed class RefreshLeavesTheFloor(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
        {
            var before = State;
            var outcomes = await base.ReplaceStaleAsync(refreshes, cancellationToken);
            KeepFloor(before);
            return outcomes;
        }
    }

    private class FillIgnoresTheFloor(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
        {
            SetLease(lease => lease with { Floor = 0 });
            return base.FillAsync(fills, cancellationToken);
        }
    }

    private sealed class AbsenceIgnoresTheFloor(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
        {
            SetLease(lease => fills[0].Entry.IsAbsent ? lease with { Floor = 0 } : lease);
            return base.FillAsync(fills, cancellationToken);
        }
    }

    private sealed class FillIgnoresTheToken(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
        {
            State = State with
            {
                Lease = (State.Lease ?? new InMemoryCache.StoredLease(string.Empty, 0, true, DateTimeOffset.MaxValue)) with { Token = fills[0].Claim.Token },
            };
            return base.FillAsync(fills, cancellationToken);
        }
    }

    private sealed class ClaimReusesItsToken(InMemoryCache cache) : WrongCache(cache)
    {
        public override void ClaimAgain(ClaimRequest request, Lease claim)
        {
            base.ClaimAgain(request, claim);
            SetLease(lease => lease with { Token = claim.Token });
        }
    }

    private sealed class RefreshCreates(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
        {
            if (State.Entry is null && refreshes is [var refresh])
            {
                State = State with { Entry = new InMemoryCache.StoredEntry(WithTimes(refresh.Entry, 0), refresh.Entry.Rank, DateTimeOffset.MaxValue) };
            }

            return base.ReplaceStaleAsync(refreshes, cancellationToken);
        }
    }

    private sealed class RefreshReplacesAnyEntry(InMemoryCache cache) : WrongCache(cache)
    {
        public override Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
            base.ReplaceStaleAsync([.. refreshes.Select(refresh => refresh with { StaleRank = State.Entry?.Rank ?? refresh.StaleRank })], cancellationToken);
    }

    private sealed class NegativeEntrySurvives(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
        {
            var before = State.Entry;
            var results = await base.InvalidateAsync(changes, cancellationToken);
            if (before is { Rank: 0 })
            {
                State = State with { Entry = before };
            }

            return results;
        }
    }

    private sealed class EntrySurvivesItsDeletion(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
        {
            var before = State.Entry;
            var results = await base.InvalidateAsync(changes, cancellationToken);
            if (before is { Rank: > 0 })
            {
                State = State with { Entry = before };
            }

            return results;
        }
    }

    private sealed class StaleIsCurrent(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) =>
            [.. (await base.InvalidateAsync(changes, cancellationToken)).Select(result => result.Outcome == ChangeOutcome.Stale ? new ChangeResult(ChangeOutcome.Current, 0) : result)];
    }

    private sealed class RenewalIgnoresItsMarker(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken)
        {
            var renewal = await base.RevalidateAsync(id, marker, cancellationToken);
            return marker is not null && renewal.Entry is not null ? renewal with { Outcome = RevalidationOutcome.Renewed } : renewal;
        }
    }

    // The reader believes that the history is the one of its marker, and keeps the marker.
    private sealed class RenewalHidesTheHistory(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken)
        {
            var renewal = await base.RevalidateAsync(id, marker, cancellationToken);
            return renewal with { History = marker?.History ?? renewal.History };
        }
    }

    private sealed class RefreshWritesTimes(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
        {
            var outcomes = await base.ReplaceStaleAsync(refreshes, cancellationToken);
            if (outcomes is [RefreshOutcome.Replaced])
            {
                State = State with { Entry = State.Entry! with { Payload = WithTimes(refreshes[0].Entry, World.NoStamp) } };
            }

            return outcomes;
        }
    }

    private sealed class ClaimWithoutItsPrefix(InMemoryCache cache) : WrongCache(cache)
    {
        public override async Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken)
        {
            var claims = await base.ClaimAsync(requests, cancellationToken);
            SetLease(lease => lease with { IsClaim = false });
            return claims;
        }
    }
}
