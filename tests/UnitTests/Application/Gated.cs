using System.Threading.Channels;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

/// <summary>Calls of a port, each of which stays open until the test answers it.</summary>
internal sealed class Gated<TArgument, TResult>
{
    private readonly Channel<Call> calls = Channel.CreateUnbounded<Call>();
    private int count;
    private Func<TResult>? answer;

    public int Count => Volatile.Read(ref count);

    public Task<TResult> Enter(TArgument argument)
    {
        Interlocked.Increment(ref count);
        if (Volatile.Read(ref answer) is { } known)
        {
            return Task.FromResult(known());
        }

        var call = new Call(argument);
        calls.Writer.TryWrite(call);
        return call.Result;
    }

    public async Task<Call> NextAsync()
    {
        using var patience = new CancellationTokenSource(Gated.Patience);
        return await calls.Reader.ReadAsync(patience.Token);
    }

    /// <summary>Calls from here on are not held.</summary>
    public void AnswerAllWith(TResult result) => Volatile.Write(ref answer, () => result);

    internal sealed class Call(TArgument argument)
    {
        private readonly TaskCompletionSource<TResult> source = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TArgument Argument => argument;

        public Task<TResult> Result => source.Task;

        public void Answer(TResult result) => source.SetResult(result);

        public void Fail(Exception exception) => source.SetException(exception);
    }
}

internal static class Gated
{
    /// <summary>After it, a test that would hang fails.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static void Answer<TArgument>(this Gated<TArgument, bool>.Call call) => call.Answer(true);
}

internal sealed class GatedCache : ReadOnlyDistributedCache
{
    private readonly Gated<string, byte[]?> gets = new();

    public int Calls => gets.Count;

    public Task<Gated<string, byte[]?>.Call> NextAsync() => gets.NextAsync();

    public void AnswerAllWith(byte[]? payload) => gets.AnswerAllWith(payload);

    public override Task<byte[]?> GetAsync(string key, CancellationToken token = default) => gets.Enter(key);
}

/// <summary>Holds the taking of leases; other steps are not a reader's.</summary>
internal sealed class GatedLeases : IGuardedCache
{
    private readonly Gated<ProductId, Lease?> takes = new();

    public int Calls => takes.Count;

    public List<Lease> Released { get; } = [];

    public Exception? ReleaseFault { get; set; }

    public Task<Gated<ProductId, Lease?>.Call> NextAsync() => takes.NextAsync();

    public void AnswerAllWith(Lease? lease) => takes.AnswerAllWith(lease);

    public Task<Lease?> TakeLeaseAsync(ProductId id, CancellationToken cancellationToken) => takes.Enter(id);

    public Task ReleaseAsync(IReadOnlyList<Lease> leases, CancellationToken cancellationToken)
    {
        Released.AddRange(leases);
        return ReleaseFault is null ? Task.CompletedTask : Task.FromException(ReleaseFault);
    }

    public Task<Revalidation> RevalidateAsync(ProductId id, RevalidationMarker? marker, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task RemoveAsync(IReadOnlyList<ProductId> ids, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<Lease?>> ClaimAsync(IReadOnlyList<ClaimRequest> claims, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<FillOutcome>> FillAsync(IReadOnlyList<Fill> fills, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<Lease?> TakeEagerLeaseAsync(ProductId id, CachedProduct seen, CancellationToken cancellationToken) => takes.Enter(id);

    public Task<IReadOnlyList<ChangeResult>> InvalidateAsync(IReadOnlyList<Change> changes, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<RefreshOutcome>> ReplaceStaleAsync(IReadOnlyList<Refresh> refreshes, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}

internal sealed class GatedRequests : IFillRequestPublisher
{
    private readonly Gated<ProductId, bool> publishes = new();

    public int Calls => publishes.Count;

    public Task<Gated<ProductId, bool>.Call> NextAsync() => publishes.NextAsync();

    /// <summary>Of each call.</summary>
    public List<EntryTimes?> Renews { get; } = [];

    public Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken)
    {
        lock (Renews)
        {
            Renews.Add(renews);
        }

        return publishes.Enter(id);
    }
}
