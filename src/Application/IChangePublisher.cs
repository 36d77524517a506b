namespace ProductCache.Application;

/// <summary>Publishes changes of products to other processes.</summary>
public interface IChangePublisher
{
    /// <summary>Returns when the broker has acknowledged each change or refused it permanently.</summary>
    /// <returns>The changes that the broker refused.</returns>
    /// <exception cref="UnavailableException">The broker did not answer in time. Some changes may have been published.</exception>
    Task<IReadOnlyList<RefusedChange>> PublishAsync(IReadOnlyList<RecordedChange> changes, CancellationToken cancellationToken);
}
