using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.SharedCaches;
using ProductCache.TestSupport;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Infrastructure.SharedCaches;

public sealed class PurgeQueueTests
{
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private FakeTimeProvider time = null!;
    private ScriptedCache cache = null!;
    private PurgeQueue<ScriptedCache> queue = null!;

    [OneTimeTearDown]
    public void DisposeServices() => services.Dispose();

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider(Sample.Time) { AutoAdvanceAmount = TimeSpan.Zero };
        cache = new ScriptedCache();
        queue = new PurgeQueue<ScriptedCache>(
            cache, PurgeOptions.None, new PurgeMetrics(services.GetRequiredService<IMeterFactory>(), time, services), time, NullLogger<PurgeQueue<ScriptedCache>>.Instance);
    }

    [TearDown]
    public async Task TearDown()
    {
        await queue.StopAsync(default);
        queue.Dispose();
    }

    [Test]
    public async Task RequestsForOneProductAreFoldedIntoTheNewest()
    {
        queue.Offer([Changed(1, 5)], changedAt: null);
        queue.Offer([Changed(1, 7), Changed(2, 6)], changedAt: null);
        queue.Offer([Changed(1, 6)], changedAt: null);
        await queue.StartAsync(default);

        await Eventually.TrueAsync(() => queue.Waiting == 0);
        Assert.That(cache.Requests.Single().Select(product => $"{product.Id}:{product.Change!.Value.Version}"), Is.EqualTo(new[] { "1:7", "2:6" }));
    }

    [Test]
    public async Task AQueueThatWasEmptyGoesOn()
    {
        await queue.StartAsync(default);
        foreach (var id in new[] { 1, 2, 3 })
        {
            var purge = queue.PurgeAsync([Changed(id, 1)], default);
            await AdvanceUntilAsync(() => purge.IsCompletedSuccessfully);
        }
    }

    [Test]
    public async Task ACallReturnsAfterARequestThatWasSentAfterIt()
    {
        var first = cache.HoldNext();
        await queue.StartAsync(default);
        var before = queue.PurgeAsync([Changed(1, 1)], default);
        await Eventually.TrueAsync(() => cache.Requests.Count == 1);
        var during = queue.PurgeAsync([Changed(1, 2)], default);
        first.SetResult();
        await before;

        Assert.That(during.IsCompleted, Is.False);
        await AdvanceUntilAsync(() => during.IsCompletedSuccessfully);
        Assert.That(cache.Requests, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task RequestsKeepTheRate()
    {
        var purge = queue.PurgeAsync([.. Enumerable.Range(1, 5).Select(id => Changed(id, 1))], default);
        await queue.StartAsync(default);

        // Two products each; ten requests per second.
        await Eventually.TrueAsync(() => cache.Requests.Count == 1);
        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.That(purge.IsCompleted, Is.False);
        await AdvanceUntilAsync(() => purge.IsCompletedSuccessfully);
        Assert.That(cache.Requests.Select(request => request.Count), Is.EqualTo(new[] { 2, 2, 1 }));
    }

    [Test]
    public async Task AFailureIsRepeatedWithWhatCameMeanwhile()
    {
        cache.FailNext(new HttpRequestException("down"));
        await queue.StartAsync(default);
        var purge = queue.PurgeAsync([Changed(1, 1)], default);
        await Eventually.TrueAsync(() => cache.Requests.Count == 1);
        queue.Offer([Changed(1, 2)], changedAt: null);

        await AdvanceUntilAsync(() => purge.IsCompletedSuccessfully);
        Assert.That(cache.Requests.Select(request => request.Single().Change!.Value.Version.Value), Is.EqualTo(new[] { 1, 2 }));
    }

    [Test]
    public async Task TheRefusalOfOneProductKeepsNoOtherFromItsPurge()
    {
        cache.Refused = new ProductId(2);
        await queue.StartAsync(default);
        var bad = queue.PurgeAsync([Changed(2, 1)], default);
        var good = queue.PurgeAsync([Changed(1, 1)], default);

        await AdvanceUntilAsync(() => bad.IsCompleted && good.IsCompleted);
        Assert.That(good.IsCompletedSuccessfully, Is.True);
        Assert.That(async () => await bad, Throws.InstanceOf<PurgeRefusedException>());
    }

    [Test]
    public async Task AfterItsAttemptsARequestIsGivenUp()
    {
        cache.Attempts = 3;
        Array.ForEach(["one", "two", "three"], reason => cache.FailNext(new HttpRequestException(reason)));
        await queue.StartAsync(default);
        var purge = queue.PurgeAsync([Changed(1, 1)], default);

        await AdvanceUntilAsync(() => purge.IsCompleted);
        Assert.That(Assert.ThrowsAsync<PurgeRefusedException>(async () => await purge)!.Message, Is.EqualTo("three, 3 times in a row"));
    }

    [Test]
    public void WhatIsOnlyOfferedIsBounded()
    {
        queue.Offer(Enumerable.Range(1, PurgeQueue.MaxWaiting + 10).Select(id => Changed(id, 1)), changedAt: null);

        Assert.That(queue.Waiting, Is.EqualTo(PurgeQueue.MaxWaiting));
    }

    [Test]
    public void TheAgeIsThatOfTheOldestProduct()
    {
        queue.Offer([Changed(1, 1)], changedAt: null);
        time.Advance(TimeSpan.FromSeconds(40));
        queue.Offer([Changed(1, 2), Changed(2, 1)], changedAt: null);

        Assert.That(queue.Age, Is.EqualTo(TimeSpan.FromSeconds(40)));
    }

    private static PurgedProduct Changed(long id, long version) => new(new ProductId(id), new Change(new ProductId(id), new ProductVersion(version), Deleted: false));

    private Task AdvanceUntilAsync(Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        time.Advance(TimeSpan.FromMilliseconds(100));
        return condition();
    });

    private sealed class ScriptedCache() : SharedCache("scripted", maxProducts: 2)
    {
        private readonly Queue<Func<Task>> script = [];

        public List<IReadOnlyList<PurgedProduct>> Requests { get; } = [];

        public ProductId? Refused { get; set; }

        public int? Attempts { get; set; }

        public override int? MaxAttempts => Attempts;

        public TaskCompletionSource HoldNext()
        {
            var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            script.Enqueue(() => source.Task);
            return source;
        }

        public void FailNext(Exception failure) => script.Enqueue(() => Task.FromException(failure));

        public override async Task PurgeAsync(IReadOnlyList<PurgedProduct> products, CancellationToken cancellationToken)
        {
            Requests.Add(products);
            if (script.TryDequeue(out var step))
            {
                await step();
            }

            if (products.Any(product => product.Id == Refused))
            {
                throw new PurgeRefusedException("no");
            }
        }

        public override Task PurgeAllAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
