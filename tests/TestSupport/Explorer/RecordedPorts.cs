using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Explorer;

/// <summary>All ports of one handler. Each call stops there until it is answered.</summary>
internal sealed class RecordedPorts(StepClock clock, bool readsClock) : ReadOnlyDistributedCache, IGuardedCache, IProductStore, ICacheNotifications, IFillRequestPublisher
{
    private (PortCall Call, Action<object?> Resume, Action<Exception> Fail)? pending;

    /// <summary>The call at which the handler stands.</summary>
    public PortCall? Pending
    {
        get
        {
            lock (clock)
            {
                return pending?.Call;
            }
        }
    }

    public void Resume(object? value)
    {
        (PortCall Call, Action<object?> Resume, Action<Exception> Fail) open;
        lock (clock)
        {
            open = pending!.Value;
            pending = null;
        }

        if (value is Exception exception)
        {
            open.Fail(exception);
        }
        else
        {
            open.Resume(value);
        }
    }

    public Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) =>
        CommandAsync("takes the lease", cache => cache.TakeLeaseAsync(id, default), World.Named, World.Describe);

    public Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) => CommandAsync(
        $"takes the early lease beside {World.Describe(seen)}", cache => cache.TakeEagerLeaseAsync(id, seen, default), World.Named, World.Describe);

    public Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken) => StopAsync(
        PortKind.Command,
        $"renews with {(marker is { } made ? $"the marker {World.Describe(made.Entry)} in {made.History}" : "no marker")}",
        world =>
        {
            world.NameHistory();
            var renewal = world.OnCache(cache => cache.RevalidateAsync(id, marker, default));
            return renewal with { Lease = World.Named(world, renewal.Lease) };
        },
        World.Describe);

    public Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> requests, CancellationToken cancellationToken) => StopAsync(
        new PortCall(
            PortKind.Claim,
            $"claims{string.Concat(requests[0].Renews.Select(times => $", to renew what was {World.Describe(times)}"))}",
            world => World.AnswerOf([.. world.OnCache(cache => cache.ClaimAsync(requests, default)).Select(claim => World.Named(world, claim))]))
        {
            ExecuteAgain = (world, claim) => world.OnCache(cache =>
            {
                ((ExploredCache)cache).ClaimAgain(requests[0], world.Real(claim));
                return Task.FromResult(true);
            }),
        },
        (IReadOnlyList<Lease?> claims) => claims);

    public Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken) => StopAsync(
        PortKind.Command,
        $"fills {World.Describe(fills[0].Entry)} under {World.Describe(fills[0].Claim)}",
        world => world.OnCache(cache => cache.FillAsync([.. fills.Select(fill => fill with { Claim = world.Real(fill.Claim) })], default)),
        outcomes => $"{outcomes[0]}");

    public Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken) => StopAsync(
        PortKind.Command,
        $"releases {World.Describe(leases[0])}",
        world => world.OnCache(cache => DoneAsync(cache.ReleaseAsync([.. leases.Select(world.Real)], default))),
        _ => "done");

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) =>
        StopAsync(PortKind.Command, "removes the entry", world => world.OnCache(cache => DoneAsync(cache.RemoveAsync(ids, default))), _ => "done");

    public Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) => StopAsync(
        PortKind.Command,
        $"passes {World.Describe(changes)} by the cache",
        world => world.OnCache(cache => cache.InvalidateAsync(changes, default)),
        results => string.Join(", ", results.Select(result => $"{result.Outcome} {result.StaleRank}")));

    public Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) => StopAsync(
        PortKind.Command,
        refreshes.Count == 0 ? "refreshes nothing" : $"refreshes rank {refreshes[0].StaleRank} to {(refreshes[0].Entry.Mapping == 0 ? $"version {refreshes[0].Entry.Version}" : World.Describe(refreshes[0].Entry))}",
        world => world.OnCache(cache => cache.ReplaceStaleAsync(refreshes, default)),
        outcomes => string.Join(", ", outcomes));

    public Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => StopAsync(
        PortKind.Read,
        "reads SQL",
        world => world.ReadRow(readsClock),
        read => read.Text,
        read =>
        {
            // A handler looks at its clock after a read only, so the time that it sees is a part of the answer.
            clock.Now = read.Time;
            return read.Read;
        });

    public Task FilledAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => NotifyAsync("filled");

    public Task ChangedAsync(IReadOnlyCollection<ProductId> ids, DateTimeOffset? changedAt, CancellationToken cancellationToken) => NotifyAsync("changed");

    public Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken)
    {
        var message = new RequestMessage(id, renews is { } times ? new Answer(times, World.Describe(times)) : null);
        return StopAsync(
            PortKind.Publish,
            $"publishes a {message.Text}",
            world =>
            {
                world.Request(message);
                return true;
            },
            _ => "acknowledged");
    }

    public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) =>
        StopAsync(PortKind.Read, "reads the entry", world => world.Cache.Entry?.Payload, World.Describe);

    private static async Task<bool> DoneAsync(Task step)
    {
        await step;
        return true;
    }

    private Task NotifyAsync(string kind) => StopAsync(
        PortKind.Notify,
        $"publishes '{kind}'",
        world =>
        {
            world.Notify(kind == "changed");
            return true;
        },
        _ => "done");

    private Task<T> CommandAsync<T>(string what, Func<IGuardedCache, Task<T>> command, Func<World, T, T> named, Func<T, string> describe) =>
        StopAsync(PortKind.Command, what, world => named(world, world.OnCache(command)), describe);

    private Task<T> StopAsync<T>(PortKind kind, string what, Func<World, T> execute, Func<T, string> describe) =>
        StopAsync(kind, what, execute, describe, result => result);

    private Task<TResult> StopAsync<T, TResult>(
        PortKind kind, string what, Func<World, T> execute, Func<T, string> describe, Func<T, TResult> resume) =>
        StopAsync(new PortCall(kind, what, world => execute(world) is var result ? new Answer(result, describe(result)) : null!), resume);

    private Task<TResult> StopAsync<T, TResult>(PortCall call, Func<T, TResult> resume)
    {
        // Continuations run inside of SetResult, up to the next call: when an answer was given, the handler stands again.
        var answer = new TaskCompletionSource<TResult>();
        lock (clock)
        {
            if (pending is not null)
            {
                throw new InvalidOperationException($"A handler made two calls at one time: {pending.Value.Call.What}, {call.What}.");
            }

            pending = (call, value => answer.SetResult(resume((T)value!)), answer.SetException);
        }

        return answer.Task;
    }
}
