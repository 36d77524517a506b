using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Model;

/// <summary>
/// A use case of a Worker that runs step by step: it stops at every call of a port, until the run resumes it. One that is
/// not told any more is frozen; one that is forgotten has crashed.
/// </summary>
internal sealed class ModelJob : IGuardedCache, IProductStore, ICacheNotifications
{
    private readonly ModelRun run;
    private readonly ReadClock clock = new();
    private (string What, Func<Task<(string Result, Action Resume)>> MakeAsync)? next;

    public ModelJob(ModelRun run, int worker, IReadOnlyList<FillRequest> requested)
    {
        (this.run, Worker, Name) = (run, worker, $"Worker {worker + 1}, fill");
        Finished = new FillCacheHandler(
            this, this, this, ModelRun.Lifetimes, new NegativeCachingPolicy(ModelRun.Lifetimes, clock, Random.Shared), clock, Random.Shared).Handle(new FillCache(requested), default);
    }

    public ModelJob(ModelRun run, int worker, IReadOnlyList<Change> changes)
    {
        (this.run, Worker, Name, Changes) = (run, worker, $"Worker {worker + 1}, change", changes);
        Finished = run.PlantedBug.RefreshAsync(this, this, this, new RefreshCache(changes));
    }

    public int Worker { get; }

    public string Name { get; }

    /// <summary>Not acknowledged before the end.</summary>
    public IReadOnlyList<Change> Changes { get; } = [];

    public Task Finished { get; }

    /// <summary>Its Worker is dead to Kafka; what it acknowledges no longer counts.</summary>
    public bool Abandoned { get; set; }

    /// <summary>Makes the call at which the job stands, and lets it run to the next one.</summary>
    /// <returns>What happened.</returns>
    public async Task<string> ContinueAsync()
    {
        var (what, makeAsync) = next!.Value;
        next = null;
        var (result, resume) = await makeAsync();

        // What follows runs inside of this, up to the next call.
        resume();
        if (Finished.IsFaulted)
        {
            await Finished;
        }

        return $"{Name}: {what}{result}";
    }

    public Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken) => StopAsync(
        $"claims {run.NamesOf(requests.Select(request => request.Id))}",
        async () =>
        {
            var claims = await run.Guarded.ClaimAsync(requests, default);
            foreach (var (request, claimed) in requests.Zip(claims))
            {
                if (claimed is { } claim)
                {
                    run.Claimed($"The claim of {run.NameOf(claim.Id)} by {Name}", () => run.Cache.ClaimAgainAsync(request, claim));
                }
                else
                {
                    await run.CheckNothingWasToDoAsync(request);
                }
            }

            return claims;
        },
        claims => claims.Any(claim => claim is null)
            ? $"; nothing to do for {run.NamesOf(requests.Where((_, i) => claims[i] is null).Select(request => request.Id))}"
            : string.Empty);

    public Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken)
    {
        var what = $"fills {string.Join(", ", fills.Select(fill => $"{run.NameOf(fill.Claim.Id)} with {ModelRun.Describe(fill.Entry)}"))}";
        return StopAsync(what, () => SendAsync(what, () => run.Guarded.FillAsync(fills, default)), outcomes => $": {string.Join(", ", outcomes)}");
    }

    public Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken) => StopAsync(
        $"gives up {run.NamesOf(leases.Select(lease => lease.Id))}",
        async () =>
        {
            await run.Guarded.ReleaseAsync(leases, default);
            return true;
        },
        _ => string.Empty);

    public Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken)
    {
        var what = $"passes {string.Join(", ", changes.Select(run.NameOf))} by the cache";
        return StopAsync(
            what,
            () => SendAsync(what, () => run.Guarded.InvalidateAsync(changes, default)),
            results => $": {string.Join(", ", results.Select(result => result.Outcome))}");
    }

    public Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken)
    {
        var what = $"refreshes {string.Join(", ", refreshes.Select(refresh => $"{run.NameOf(refresh.Id)} with version {refresh.Entry.Version}"))}";
        return StopAsync(what, () => SendAsync(what, () => run.Guarded.ReplaceStaleAsync(refreshes, default)), outcomes => $": {string.Join(", ", outcomes)}");
    }

    public Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => StopAsync(
        $"reads {run.NamesOf(ids)} from SQL",
        () =>
        {
            clock.Commits = run.Table.Commits;
            return Task.FromResult(new StoreRead(ids
                .Where(id => run.Table.VersionOf(id) is not null)
                .ToDictionary(id => id, id => TestProducts.Product(id, run.Table.VersionOf(id)!.Value))));
        },
        read => $": {string.Join(", ", ids.Select(id => read.Products.TryGetValue(id, out var row) ? $"version {row.Version}" : "no row"))}");

    public Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => PublishAsync("filled", false, ids);

    public Task ChangedAsync(IReadOnlyCollection<ProductId> ids, DateTimeOffset? changedAt, CancellationToken cancellationToken) => PublishAsync("changed", true, ids);

    private Task PublishAsync(string kind, bool changed, IReadOnlyCollection<ProductId> ids) => StopAsync(
        $"publishes '{kind}' of {run.NamesOf(ids)}",
        () =>
        {
            run.Publish(changed, ids);
            return Task.FromResult(true);
        },
        _ => string.Empty);

    // The client library may send a command a second time, however late.
    private async Task<T> SendAsync<T>(string what, Func<Task<T>> command)
    {
        run.Sent($"'{Name}: {what}'", command);
        return await command();
    }

    private Task<T> StopAsync<T>(string what, Func<Task<T>> call, Func<T, string> describe)
    {
        var answer = new TaskCompletionSource<T>();
        next = (what, RunAsync);
        return answer.Task;

        async Task<(string, Action)> RunAsync()
        {
            var result = await call();
            return (describe(result), () => answer.SetResult(result));
        }
    }

    /// <summary>Tells the number of the last commit that SQL showed, so that negative entries say what they are.</summary>
    private sealed class ReadClock : TimeProvider
    {
        public long Commits { get; set; }

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Commits);
    }
}
