using System.Runtime.CompilerServices;
using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The audit of all entries, batch by batch.</summary>
public sealed class EntrySweep(IMediator mediator, ICacheAudit audit, TimeProvider time)
{
    /// <summary>Entries that differ and wait for their second look. When there are as many, they get it before the sweep goes on.</summary>
    public const int MaxSuspects = 10_000;

    /// <param name="repair">Whether what differs is corrected.</param>
    /// <exception cref="UnavailableException">The cache or the store does not answer in time.</exception>
    /// <exception cref="StoreNotRepairedException">A row cannot get the version that it lacks.</exception>
    public async IAsyncEnumerable<SweepStep> RunAsync(bool repair, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Dictionary<ProductId, CachedProduct> suspects = [];
        await foreach (var entries in audit.ReadEntriesAsync(cancellationToken))
        {
            foreach (var (id, entry) in await mediator.Send(new CompareEntries(entries), cancellationToken))
            {
                suspects[id] = entry;
            }

            yield return new SweepStep(entries.Count, suspects.Count >= MaxSuspects ? await ConfirmAsync(suspects, repair, cancellationToken) : null);
        }

        if (suspects.Count > 0)
        {
            yield return new SweepStep(0, await ConfirmAsync(suspects, repair, cancellationToken));
        }
    }

    private async Task<ConfirmDifferencesResult> ConfirmAsync(Dictionary<ProductId, CachedProduct> suspects, bool repair, CancellationToken cancellationToken)
    {
        await Task.Delay(AuditEntriesHandler.ConfirmDelay, time, cancellationToken);
        var result = await mediator.Send(new ConfirmDifferences(suspects, repair), cancellationToken);
        suspects.Clear();
        return result;
    }
}

/// <param name="Compared">Entries that were compared in this step.</param>
/// <param name="Confirmed">The second look at those that differed. Null: there was none in this step.</param>
public sealed record SweepStep(int Compared, ConfirmDifferencesResult? Confirmed);
