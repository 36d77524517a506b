using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

public sealed class ChecksTests
{
    private static readonly Change SomeWrite = new(HistoryBuilder.Id, ChangeKind.Updated, 5, 5);

    [Test]
    public void ValuesOfCommittedWritesAreKnown() => Assert.That(
        UnknownValues(new HistoryBuilder().ReadsAbsence(0.5).Inserts(1, 1).Reads(1, 2).Updates(2, 3).Reads(2, 3.05).Deletes(2, 4).ReadsAbsence(5)), Is.Empty);

    [Test]
    public void AValueOfARolledBackWriteIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).RollsBack(1, SomeWrite).Reads(5, 2)), Has.One.Contains("rolled back"));

    [Test]
    public void AValueThatWasNeverWrittenIsUnknown() => Assert.That(UnknownValues(new HistoryBuilder().Inserts(1, -1).Reads(5, 2)), Has.One.Contains("was never written"));

    [Test]
    public void AVersionOfNobodyWithoutABodyIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).Answers(304, 2, version: 5)), Has.One.Contains("no transaction committed"));

    [Test]
    public void AValueOfTwoWritesIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).Reads(1, 2, number: Read.NoWrite)), Has.One.Contains("mixes several writes"));

    [Test]
    public void AValueUnderTheVersionOfAnotherWriteIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(1, 2, number: 2)), Has.One.Contains("w2 is product 7 v2"));

    [Test]
    public void AValueThatItsOwnTransactionOverwroteIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).Commits(1, SomeWrite, new Change(HistoryBuilder.Id, ChangeKind.Updated, 6, 6)).Reads(5, 2)),
        Has.One.Contains("no transaction committed"));

    [Test]
    public void AValueReadBeforeItsCommitIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).Updates(2, 5).Reads(2, 1)), Has.One.Contains("after this"));

    [Test]
    public void TheAbsenceOfAProductThatWasNeverDeletedIsUnknown() => Assert.That(
        UnknownValues(new HistoryBuilder().Inserts(1, -1).ReadsAbsence(1)), Has.One.Contains("never deleted"));

    [Test]
    public void NewerAndNewerReadsDoNotGoBack() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Reads(1, 0).Updates(2, 1).Reads(1, 1.5).Reads(2, 2).Deletes(2, 3).ReadsAbsence(4).Inserts(3, 5).Reads(3, 6)),
        Is.Empty);

    [Test]
    public void AnOlderVersionAfterANewerOneGoesBack() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(2, 2).Reads(1, 3)), Has.Count.EqualTo(1));

    [Test]
    public void AnotherClientAndAnotherLifeOfTheApiMaySeeAnOlderVersion() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(2, 2).Reads(1, 3, client: 2).Reads(1, 4, instance: 2)), Is.Empty);

    [Test]
    public void AnAnswerFromOneOfTwoLivesOfTheApiIsOfNeither() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(2, 2).Reads(1, 3, instance: 0)), Is.Empty);

    [Test]
    public void AbsenceAfterAVersionThatWasNotDeletedGoesBack() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, 1).Reads(1, 2).ReadsAbsence(3)), Has.Count.EqualTo(1));

    [Test]
    public void ADeletedVersionAfterItsAbsenceGoesBack() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Reads(1, 0).Deletes(1, 1).ReadsAbsence(2).Reads(1, 3)), Has.Count.EqualTo(1));

    [Test]
    public void AnInsertThatWaitedForADeletionMayHaveALowerVersion() => Assert.That(
        WentBack(new HistoryBuilder().Inserts(1, -1).Updates(3, 1).Reads(3, 1.5).Deletes(3, 2).ReadsAbsence(2.5).Inserts(2, 2.8).Reads(2, 3)), Is.Empty);

    [Test]
    public void CachesThatAgreeWithPostgresDoNotDiffer()
    {
        var history = new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Inserts(3, 1, id: 8).Deletes(3, 2, id: 8);
        var state = State(
            rows: [(HistoryBuilder.Id, 2)],
            redis: [new CacheEntry(HistoryBuilder.Id, 2), new CacheEntry(8, 0)],
            reads: new HistoryBuilder().Reads(2, 20).Answers(202, 20));

        Assert.That(Checks.CacheDiffers(state, history.Timelines), Is.Empty);
    }

    [TestCase(1, "Redis has v1, PostgreSQL has v2")]
    [TestCase(0, "Redis has no product, PostgreSQL has v2")]
    public void AnEntryThatIsNotTheRowDiffers(long version, string evidence) => Assert.That(
        CacheDiffers(State(rows: [(HistoryBuilder.Id, 2)], redis: [new CacheEntry(HistoryBuilder.Id, version)])), Has.One.Contains(evidence));

    [Test]
    public void AnEntryWithoutARowDiffers() => Assert.That(
        CacheDiffers(State(redis: [new CacheEntry(HistoryBuilder.Id, 1)])), Has.One.Contains("Redis has v1, PostgreSQL has no product"));

    [Test]
    public void AnAnswerThatIsNotTheRowDiffers() => Assert.That(
        CacheDiffers(State(rows: [(HistoryBuilder.Id, 2)], reads: new HistoryBuilder().Reads(1, 20))), Has.One.Contains("api-1 (from redis) has v1, PostgreSQL has v2"));

    [Test]
    public void AnAbsenceThatIsNotTrueDiffers() => Assert.That(
        CacheDiffers(State(rows: [(HistoryBuilder.Id, 2)], reads: new HistoryBuilder().ReadsAbsence(20))), Has.One.Contains("api-1 (from redis) has no product"));

    [Test]
    public void ChangesWithTheirEventsAreNotLost() => Assert.That(
        LostEvents(
            new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Deletes(2, 2),
            new ProductEvent(HistoryBuilder.Id, 1, false),
            new ProductEvent(HistoryBuilder.Id, 2, false),
            new ProductEvent(HistoryBuilder.Id, 2, true)),
        Is.Empty);

    [Test]
    public void AnEventOfTheSameKindAndAHigherVersionCoversAChange() => Assert.That(
        LostEvents(new HistoryBuilder().Inserts(1, -1).Updates(2, 1), new ProductEvent(HistoryBuilder.Id, 2, false)), Is.Empty);

    [Test]
    public void AnUpsertWithoutAnEventIsLost() => Assert.That(
        LostEvents(new HistoryBuilder().Inserts(1, -1).Updates(2, 1), new ProductEvent(HistoryBuilder.Id, 1, false)), Has.One.Contains("v2 written"));

    [Test]
    public void ADeletionWithoutAnEventIsLost() => Assert.That(
        LostEvents(new HistoryBuilder().Inserts(1, -1).Deletes(1, 1), new ProductEvent(HistoryBuilder.Id, 1, false)), Has.One.Contains("v1 deleted"));

    // Committed at 1 s. What the cluster forgot can be its event if it was published later, in the partition of the product.
    [TestCase(0, 2, 0)]
    [TestCase(0, 0.5, 1)]
    [TestCase(1, 2, 1)]
    public void AnEventThatTheClusterForgotIsNotLost(int partition, double until, int lost) => Assert.That(
        LostEvents(
            new HistoryBuilder().Inserts(1, -1).Updates(2, 1),
            [new ForgottenEvents(partition, 10, HistoryBuilder.Seconds(until))],
            new ProductEvent(HistoryBuilder.Id, 1, false, Partition: 0)),
        Has.Count.EqualTo(lost));

    [Test]
    public void AProductOfWhichNoEventWasReadMayBeOfAnyPartition() => Assert.That(
        LostEvents(new HistoryBuilder().Inserts(1, 1), [new ForgottenEvents(3, 10, HistoryBuilder.Seconds(2))]), Is.Empty);

    [Test]
    public void ARowThatItsTransactionAlsoDeletedNeedsNoEvent() => Assert.That(
        LostEvents(new HistoryBuilder().Commits(1, new Change(HistoryBuilder.Id, ChangeKind.Inserted, 1, 1), new Change(HistoryBuilder.Id, ChangeKind.Deleted, 1, 0))), Is.Empty);

    [Test]
    public void ARolledBackChangeNeedsNoEvent() => Assert.That(LostEvents(new HistoryBuilder().RollsBack(1, SomeWrite)), Is.Empty);

    [Test]
    public void AReadOfWhatRedisReplacedLongBeforeIsBehind() => Assert.That(
        NearCacheBehind(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).SettlesInRedis(2, 2).Reads(1, 7)), Has.One.Contains("Redis had v2 at 2.000 s"));

    [Test]
    public void AReadSoonAfterOrOfTheNewVersionIsNotBehind() => Assert.That(
        NearCacheBehind(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).SettlesInRedis(2, 2).Reads(1, 5).Reads(2, 7).ReadsAbsence(8)), Is.Empty);

    [Test]
    public void AFaultThatHoldsUpTheNewsExcusesANearCache() => Assert.That(
        NearCacheBehind(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).SettlesInRedis(2, 2).Reads(1, 7).Suffers(FaultKind.Pause, Target.Worker1, 3, 9)), Is.Empty);

    [Test]
    public void ALossOfRedisIsNoExcuseForANearCache() => Assert.That(
        NearCacheBehind(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).SettlesInRedis(2, 2).Reads(1, 7).Suffers(FaultKind.Kill, Target.Redis, 3, 4)),
        Has.Count.EqualTo(1));

    [Test]
    public void AFreshReadOfWhatWasReplacedBeforeItAskedIsNotFresh() => Assert.That(
        NotFresh(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Answers(200, 3, version: 1, number: 1, fresh: true)), Has.One.Contains("replaced"));

    [Test]
    public void OtherReadsAndFreshOnesOfWhatWasThereAreNotHeldToIt() => Assert.That(
        NotFresh(new HistoryBuilder().Inserts(1, -1).Updates(2, 1).Reads(1, 3).Answers(200, 4, version: 2, number: 2, fresh: true).Answers(202, 5, fresh: true)), Is.Empty);

    [Test]
    public void AnAnswerThatGrowsOldWhileKafkaIsAwayIsOld() => Assert.That(
        OldWithoutKafka(Replaced().Suffers(FaultKind.Outage, Target.Kafka, 1, 60).Reads(1, 18)), Has.One.Contains("replaced 15.9 s before"));

    [Test]
    public void AnAnswerWithinTheLimitAndOneOfAnotherFaultAreNot()
    {
        Assert.That(OldWithoutKafka(Replaced().Suffers(FaultKind.Outage, Target.Kafka, 1, 60).Reads(1, 16).Reads(2, 40)), Is.Empty);
        Assert.That(OldWithoutKafka(Replaced().Suffers(FaultKind.Kill, Target.Kafka, 1, 60).Reads(1, 18)), Is.Empty);
    }

    [Test]
    public void AnEntryThatNobodyHasAskedForIsLeftBehind() => Assert.That(
        LeftBehind(new HistoryBuilder().Abandons(1), new CacheEntry(HistoryBuilder.Id, 2)), Has.One.Contains("Redis has v2"));

    [Test]
    public void AnAbandonedProductWithoutAnEntryLeavesNothingBehind() => Assert.That(
        LeftBehind(new HistoryBuilder().Abandons(1), new CacheEntry(8, 2)), Is.Empty);

    [Test]
    public void AFaultThatRepeatsTheLastRequestExcusesAnEntry()
    {
        Assert.That(LeftBehind(new HistoryBuilder().Abandons(1).Suffers(FaultKind.Kill, Target.Worker2, 3, 4), new CacheEntry(HistoryBuilder.Id, 2)), Is.Empty);
        Assert.That(LeftBehind(new HistoryBuilder().Abandons(1).Suffers(FaultKind.Pause, Target.Kafka, 0, 0.5), new CacheEntry(HistoryBuilder.Id, 2)), Is.Empty);
    }

    [Test]
    public void ALaterOrAnotherFaultIsNoExcuseForAnEntry()
    {
        var history = new HistoryBuilder().Abandons(1).Suffers(FaultKind.Kill, Target.Worker1, 9, 10).Suffers(FaultKind.Kill, Target.Redis, 3, 4);

        Assert.That(LeftBehind(history, new CacheEntry(HistoryBuilder.Id, 2)), Has.Count.EqualTo(1));
    }

    [Test]
    public void ADeadLetterIsWrong() => Assert.That(
        Evidence(Checks.DeadLetters(State() with { DeadLetters = ["product-changes.dead-letter: why"] })), Has.One.Contains("why"));

    [Test]
    public void DocumentedAnswersInTimeAreRight() => Assert.That(
        WrongAnswers(new HistoryBuilder().Answers(200, 0).Answers(202, 1).Answers(304, 2).Answers(404, 3).Answers(503, 4, retryAfter: true).Answers(202, 5, duration: 2.9, wait: 2)),
        Is.Empty);

    [TestCase(500)]
    [TestCase(400)]
    [TestCase(503)]
    public void AnAnswerThatIsNotDocumentedIsWrong(int status) => Assert.That(
        WrongAnswers(new HistoryBuilder().Suffers(FaultKind.Pause, Target.Api1, 0, 5).Answers(status, 1)), Has.Count.EqualTo(1));

    [Test]
    public void ALateAnswerIsWrong() => Assert.That(
        WrongAnswers(new HistoryBuilder().Answers(202, 0, duration: 1.1).Answers(202, 2, duration: 3.1, wait: 2)), Has.Count.EqualTo(2));

    [Test]
    public void ALateAnswerOfABusyMachineIsExcused() => Assert.That(
        WrongAnswers(new HistoryBuilder().Stalls(0.5, 0.2).Answers(202, 0, duration: 1.1).Answers(202, 0, duration: 1.3)), Has.Count.EqualTo(1));

    [Test]
    public void ALateAnswerOfAPausedApiIsExcused() => Assert.That(
        WrongAnswers(new HistoryBuilder().Suffers(FaultKind.Pause, Target.Api1, 1, 4).Answers(202, 0.95, duration: 3.1)), Is.Empty);

    [Test]
    public void ALateAnswerWhileSomethingElseIsPausedIsWrong() => Assert.That(
        WrongAnswers(new HistoryBuilder().Suffers(FaultKind.Pause, Target.Redis, 1, 4).Suffers(FaultKind.Pause, Target.Api2, 1, 4).Answers(202, 0.95, duration: 3.1)),
        Has.Count.EqualTo(1));

    [Test]
    public void AFailureOfAnApiThatWasNotDownIsWrong() => Assert.That(
        WrongAnswers(new HistoryBuilder().Suffers(FaultKind.Kill, Target.Api1, 10, 12)
            .Answers(0, 0, failure: ReadFailure.Connection).Answers(0, 1, failure: ReadFailure.NoAnswer)
            .Answers(0, 11, failure: ReadFailure.Connection).Answers(0, 11, failure: ReadFailure.NoAnswer)),
        Has.Count.EqualTo(2));

    [Test]
    public void AProcessThatEndsByItselfIsWrong() => Assert.That(
        WrongAnswers(new HistoryBuilder().Loses(Target.Worker2, 3)), Has.One.Contains("worker2 ended by itself"));

    private static List<string> UnknownValues(HistoryBuilder history) => Evidence(Checks.UnknownValues(history.History, history.Timelines));

    private static List<string> WentBack(HistoryBuilder history) => Evidence(Checks.WentBack(history.History, history.Timelines));

    [Test]
    public void ARowThatStillHasNoVersionIsFound() => Assert.That(
        Checks.RowsWithoutVersion(State(rows: [(1, 5), (2, 0)])).Select(violation => violation.Id), Is.EqualTo(new[] { 2L }));

    private static List<string> CacheDiffers(FinalState state) => Evidence(Checks.CacheDiffers(state, new HistoryBuilder().Timelines));

    private static List<string> LostEvents(HistoryBuilder history, params ProductEvent[] events) => LostEvents(history, [], events);

    private static List<string> LostEvents(HistoryBuilder history, ForgottenEvents[] forgotten, params ProductEvent[] events) =>
        Evidence(Checks.LostEvents(State() with { Events = events, Forgotten = forgotten }, history.Timelines));

    private static List<string> NearCacheBehind(HistoryBuilder history) => Evidence(Checks.NearCacheBehind(history.History, history.Timelines));

    private static List<string> NotFresh(HistoryBuilder history) => Evidence(Checks.NotFresh(history.History, history.Timelines));

    private static List<string> OldWithoutKafka(HistoryBuilder history) => Evidence(Checks.OldWithoutKafka(history.History, history.Timelines));

    private static HistoryBuilder Replaced() => new HistoryBuilder().Inserts(1, -1).Updates(2, 2);

    private static List<string> LeftBehind(HistoryBuilder history, CacheEntry entry) =>
        Evidence(Checks.LeftBehind(history.History, State(redis: [entry])));

    private static List<string> WrongAnswers(HistoryBuilder history) => Evidence(Checks.WrongAnswers(history.History));

    private static List<string> Evidence(IEnumerable<Violation> violations) => [.. violations.Select(violation => violation.Evidence)];

    private static FinalState State((long Id, long Version)[]? rows = null, CacheEntry[]? redis = null, HistoryBuilder? reads = null) => new(
        HistoryBuilder.Seconds(20), (rows ?? []).ToDictionary(row => row.Id, row => new Row(row.Version, row.Version)), redis ?? [], reads?.History.Reads ?? [], [], [], 0, []);
}
