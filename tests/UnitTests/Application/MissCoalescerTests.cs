using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

/// <summary>The ports answer when the test lets them, so every interleaving is the one that the test names.</summary>
public sealed class MissCoalescerTests
{
    private const int Readers = 5_000;

    /// <summary>Much longer than a woken wait takes, much shorter than <see cref="Rounds"/> waits without a wake.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    /// <summary>So many rounds that waits without a wake would outlast <see cref="Wait"/>.</summary>
    private static readonly int Rounds = (int)(2 * (Wait / FillWaiters.LookAgainInterval));

    private static readonly ProductId Id = Sample.Id;

    private GatedCache cache = null!;
    private GatedLeases leases = null!;
    private GatedRequests requests = null!;
    private MissCoalescer missing = null!;

    [SetUp]
    public void SetUp()
    {
        cache = new GatedCache();
        leases = new GatedLeases();
        requests = new GatedRequests();
        missing = new MissCoalescer(cache, leases, requests, TimeProvider.System);
    }

    [Test]
    public async Task HoweverManyAskOneTakesTheLeaseAndPublishes()
    {
        var asks = new Task[Readers];
        Parallel.For(0, Readers, i => asks[i] = missing.AskAsync(Id, CancellationToken.None));

        (await leases.NextAsync()).Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Answer();
        await Task.WhenAll(asks).WaitAsync(Gated.Patience);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(leases.Calls, Is.EqualTo(1));
            Assert.That(requests.Calls, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task HoweverManyWaitOneLooksAndAsksOnBehalfOfAll()
    {
        var reads = new Task<CachedProduct?>[Readers];
        Parallel.For(0, Readers, i => reads[i] = WaitAsync(Id, Wait, CancellationToken.None));

        // A reader who registers during the first look has a second one made at once.
        var look = await cache.NextAsync();
        look.Answer(null);
        (await leases.NextAsync()).Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Answer();
        missing.Wake([Id]);
        (await cache.NextAsync()).Answer(Sample.Entry(version: 7).Payload);
        var entries = await Task.WhenAll(reads).WaitAsync(Gated.Patience);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(entries.Select(entry => entry?.Version), Is.All.EqualTo(7));
            Assert.That(cache.Calls, Is.EqualTo(2));
            Assert.That(leases.Calls, Is.EqualTo(1));
            Assert.That(requests.Calls, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task DifferentProductsDoNotWaitForEachOther()
    {
        var first = missing.AskAsync(new ProductId(1), CancellationToken.None);
        var firstLease = await leases.NextAsync();
        var second = missing.AskAsync(new ProductId(2), CancellationToken.None);

        (await leases.NextAsync()).Answer(null);
        await second.WaitAsync(Gated.Patience);

        Assert.That(first.IsCompleted, Is.False);
        firstLease.Answer(null);
        await first.WaitAsync(Gated.Patience);
    }

    [Test]
    public async Task WhoeverAsksAfterAnAnswerAsksAnew()
    {
        var first = missing.AskAsync(Id, CancellationToken.None);
        (await leases.NextAsync()).Answer(null);
        await first.WaitAsync(Gated.Patience);

        var second = missing.AskAsync(Id, CancellationToken.None);
        (await leases.NextAsync()).Answer(null);
        await second.WaitAsync(Gated.Patience);

        Assert.That(leases.Calls, Is.EqualTo(2));
    }

    [Test]
    public async Task AFailedPublishGivesTheLeaseBackTellsEverybodyAndIsTriedAgainByTheNext()
    {
        var asks = Enumerable.Range(0, 100).Select(_ => missing.AskAsync(Id, CancellationToken.None)).ToList();
        var lease = new Lease(Id, "token");
        (await leases.NextAsync()).Answer(lease);
        (await requests.NextAsync()).Fail(new UnavailableException(Dependency.Broker));

        foreach (var ask in asks)
        {
            Assert.That(
                () => ask.WaitAsync(Gated.Patience),
                Throws.TypeOf<UnavailableException>().With.Property("Dependency").EqualTo(Dependency.Broker));
        }

        Assert.That(leases.Released, Is.EqualTo(new[] { lease }));

        var next = missing.AskAsync(Id, CancellationToken.None);
        (await leases.NextAsync()).Answer(new Lease(Id, "another token"));
        (await requests.NextAsync()).Answer();
        Assert.That(() => next.WaitAsync(Gated.Patience), Throws.Nothing);
    }

    [Test]
    public async Task OnlyTheReaderWhoPublishedHasAskedByItself()
    {
        var publisher = missing.AskAsync(Id, CancellationToken.None);
        var lease = await leases.NextAsync();
        var other = missing.AskAsync(Id, CancellationToken.None);
        lease.Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Answer();

        Assert.That(await publisher.WaitAsync(Gated.Patience), Is.True);
        Assert.That(await other.WaitAsync(Gated.Patience), Is.False);

        var late = missing.AskAsync(Id, CancellationToken.None);
        (await leases.NextAsync()).Answer(null);
        Assert.That(await late.WaitAsync(Gated.Patience), Is.False);
    }

    [Test]
    public async Task AFailedPublishIsToldEvenIfTheLeaseCannotBeGivenBack()
    {
        leases.ReleaseFault = new UnavailableException(Dependency.Cache);

        var ask = missing.AskAsync(Id, CancellationToken.None);
        (await leases.NextAsync()).Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Fail(new UnavailableException(Dependency.Broker));

        Assert.That(() => ask.WaitAsync(Gated.Patience), Throws.TypeOf<UnavailableException>().With.Property("Dependency").EqualTo(Dependency.Broker));
    }

    [Test]
    public async Task AReaderWhoLeavesDoesNotEndTheRequestOfOthers()
    {
        using var leaving = new CancellationTokenSource();
        var leaver = missing.AskAsync(Id, leaving.Token);
        var other = missing.AskAsync(Id, CancellationToken.None);
        var lease = await leases.NextAsync();

        await leaving.CancelAsync();
        Assert.That(() => leaver, Throws.InstanceOf<OperationCanceledException>());
        lease.Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Answer();

        Assert.That(() => other.WaitAsync(Gated.Patience), Throws.Nothing);
    }

    [Test]
    public async Task AWaitingReaderLooksBeforeItAsks()
    {
        var read = WaitAsync(Id, Wait, CancellationToken.None);

        (await cache.NextAsync()).Answer(Sample.Entry(version: 3).Payload);
        var entry = await read.WaitAsync(Gated.Patience);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry?.Version, Is.EqualTo(3));
            Assert.That(leases.Calls, Is.Zero);
            Assert.That(requests.Calls, Is.Zero);
        }
    }

    [Test]
    public async Task ANotificationDuringALookIsNotMissed()
    {
        leases.AnswerAllWith(null);
        var read = WaitAsync(Id, Wait, CancellationToken.None);

        for (var round = 0; round < Rounds; round++)
        {
            // 1. The reader is registered and its look is under way, 2. the fill, 3. the look still says: nothing there.
            var look = await cache.NextAsync();
            missing.Wake([Id]);
            look.Answer(null);
        }

        (await cache.NextAsync()).Answer(Sample.Entry().Payload);
        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task ANotificationDuringTheRequestIsNotMissed()
    {
        var read = WaitAsync(Id, Wait, CancellationToken.None);

        for (var round = 0; round < Rounds; round++)
        {
            (await cache.NextAsync()).Answer(null);
            var lease = await leases.NextAsync();
            missing.Wake([Id]);
            lease.Answer(null);
        }

        (await cache.NextAsync()).Answer(Sample.Entry().Payload);
        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task ANotificationOfOtherProductsChangesNothing()
    {
        leases.AnswerAllWith(null);
        var read = WaitAsync(Id, Wait, CancellationToken.None);
        var look = await cache.NextAsync();

        missing.Wake([new ProductId(1), new ProductId(2)]);
        look.Answer(Sample.Entry().Payload);

        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task AReaderWhoComesDuringALookIsNotServedByIt()
    {
        var first = WaitAsync(Id, Wait, CancellationToken.None);
        var look = await cache.NextAsync();
        var second = WaitAsync(Id, Wait, CancellationToken.None);

        look.Answer(Sample.Entry(version: 1).Payload);
        var lookAgain = await cache.NextAsync();

        var firstEntry = await first.WaitAsync(Gated.Patience);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(firstEntry?.Version, Is.EqualTo(1));
            Assert.That(second.IsCompleted, Is.False);
        }

        lookAgain.Answer(Sample.Entry(version: 2).Payload);
        Assert.That((await second.WaitAsync(Gated.Patience))?.Version, Is.EqualTo(2));
    }

    [Test]
    public async Task AReaderWhoComesDuringALookThatFailsIsNotFailedByIt()
    {
        var first = WaitAsync(Id, Wait, CancellationToken.None);
        var look = await cache.NextAsync();
        var second = WaitAsync(Id, Wait, CancellationToken.None);

        look.Fail(new UnavailableException(Dependency.Cache));
        Assert.That(() => first.WaitAsync(Gated.Patience), Throws.TypeOf<UnavailableException>());

        (await cache.NextAsync()).Answer(Sample.Entry().Payload);
        Assert.That(await second.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task ALostNotificationIsMadeUpForByLookingAgain()
    {
        leases.AnswerAllWith(null);
        var read = WaitAsync(Id, Wait, CancellationToken.None);

        (await cache.NextAsync()).Answer(null);
        (await cache.NextAsync()).Answer(Sample.Entry().Payload);

        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task ALeaseThatEndedWithoutAFillIsTakenAgain()
    {
        var read = WaitAsync(Id, Wait, CancellationToken.None);
        (await cache.NextAsync()).Answer(null);
        (await leases.NextAsync()).Answer(null);

        (await cache.NextAsync()).Answer(null);
        (await leases.NextAsync()).Answer(new Lease(Id, "token"));
        (await requests.NextAsync()).Answer();
        (await cache.NextAsync()).Answer(Sample.Entry().Payload);

        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task AWaitEndsWithoutAFill()
    {
        leases.AnswerAllWith(null);
        cache.AnswerAllWith(null);

        Assert.That(await WaitAsync(Id, TimeSpan.FromMilliseconds(1), CancellationToken.None), Is.Null);
    }

    [Test]
    public async Task ReadersWhoLeaveLeaveNothingBehind()
    {
        leases.AnswerAllWith(null);
        using var leaving = new CancellationTokenSource();
        var cancelled = WaitAsync(Id, Wait, leaving.Token);
        var look = await cache.NextAsync();
        var timedOut = WaitAsync(Id, TimeSpan.FromMilliseconds(1), CancellationToken.None);
        Assert.That(await timedOut.WaitAsync(Gated.Patience), Is.Null);
        await leaving.CancelAsync();
        Assert.That(() => cancelled, Throws.InstanceOf<OperationCanceledException>());
        look.Answer(null);

        // A follower of the readers that left would look again as often as the one of this reader.
        var other = WaitAsync(new ProductId(7), Wait, CancellationToken.None);
        for (var i = 0; i < 4; i++)
        {
            var next = await cache.NextAsync();
            Assert.That(next.Argument, Is.EqualTo("product:{7}"));
            next.Answer(i < 3 ? null : Sample.Entry().Payload);
        }

        Assert.That(await other.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    [Test]
    public async Task AReaderWhoComesAfterAllHaveLeftIsServed()
    {
        using var leaving = new CancellationTokenSource();
        var leaver = WaitAsync(Id, Wait, leaving.Token);
        var look = await cache.NextAsync();
        await leaving.CancelAsync();
        Assert.That(() => leaver, Throws.InstanceOf<OperationCanceledException>());

        var read = WaitAsync(Id, Wait, CancellationToken.None);
        look.Answer(Sample.Entry(version: 1).Payload);
        (await cache.NextAsync()).Answer(Sample.Entry(version: 2).Payload);

        Assert.That((await read.WaitAsync(Gated.Patience))?.Version, Is.EqualTo(2));
    }

    [Test]
    public async Task OneReaderTooManyAsksButDoesNotWait()
    {
        using var leaving = new CancellationTokenSource();
        var waiting = new Task[MissCoalescer.MaxWaitingReaders];
        Parallel.For(0, waiting.Length, i => waiting[i] = WaitAsync(Id, Wait, leaving.Token));
        var look = await cache.NextAsync();

        var tooMany = WaitAsync(Id, Wait, CancellationToken.None);
        (await leases.NextAsync()).Answer(null);
        Assert.That(await tooMany.WaitAsync(Gated.Patience), Is.Null);
        Assert.That(cache.Calls, Is.EqualTo(1));

        // Those who leave make room.
        await leaving.CancelAsync();
        Assert.That(() => Task.WhenAll(waiting), Throws.InstanceOf<OperationCanceledException>());
        var read = WaitAsync(Id, Wait, CancellationToken.None);
        leases.AnswerAllWith(null);
        look.Answer(null);
        (await cache.NextAsync()).Answer(Sample.Entry().Payload);
        Assert.That(await read.WaitAsync(Gated.Patience), Is.Not.Null);
    }

    private async Task<CachedProduct?> WaitAsync(ProductId id, TimeSpan wait, CancellationToken cancellationToken) =>
        (await missing.WaitAsync(id, wait, cancellationToken)).Entry;
}
