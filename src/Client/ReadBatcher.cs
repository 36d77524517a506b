namespace ProductCache.Client;

/// <summary>Folds reads that begin at about the same time into one request. Reads of the same product share its answer.</summary>
/// <param name="sendAsync">Reads up to <see cref="ProductCacheClientOptions.MaxBatch"/> products; the answer has each of them.</param>
internal sealed class ReadBatcher(Func<IReadOnlyCollection<string>, Task<IReadOnlyDictionary<string, Task<RawProduct>>>> sendAsync, TimeSpan window, TimeProvider time)
{
    private readonly object gate = new();

    // Guarded by gate. Null: no batch waits for its time.
    private Dictionary<string, TaskCompletionSource<RawProduct>>? waiting;

    public Task<RawProduct> ReadAsync(string id, CancellationToken cancellationToken)
    {
        TaskCompletionSource<RawProduct>? source;
        Dictionary<string, TaskCompletionSource<RawProduct>>? full = null;
        lock (gate)
        {
            if (waiting is null)
            {
                waiting = [];
                _ = SendLaterAsync(waiting);
            }

            if (!waiting.TryGetValue(id, out source))
            {
                waiting[id] = source = new TaskCompletionSource<RawProduct>(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            if (waiting.Count == ProductCacheClientOptions.MaxBatch)
            {
                (full, waiting) = (waiting, null);
            }
        }

        if (full is not null)
        {
            _ = SendAsync(full);
        }

        return source.Task.WaitAsync(cancellationToken);
    }

    private async Task SendLaterAsync(Dictionary<string, TaskCompletionSource<RawProduct>> batch)
    {
        await Task.Delay(window, time).ConfigureAwait(false);
        lock (gate)
        {
            if (waiting != batch)
            {
                return;
            }

            waiting = null;
        }

        await SendAsync(batch).ConfigureAwait(false);
    }

    private async Task SendAsync(Dictionary<string, TaskCompletionSource<RawProduct>> batch)
    {
        try
        {
            var answers = await sendAsync(batch.Keys).ConfigureAwait(false);
            await Task.WhenAll(batch.Select(one => CompleteAsync(one.Value, answers[one.Key]))).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            foreach (var source in batch.Values)
            {
                source.TrySetException(exception);
            }
        }
    }

    // The fault of one product is that of its readers only.
    private static async Task CompleteAsync(TaskCompletionSource<RawProduct> source, Task<RawProduct> answer)
    {
        try
        {
            source.TrySetResult(await answer.ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            source.TrySetException(exception);
        }
    }
}
