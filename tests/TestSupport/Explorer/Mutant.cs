using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.TestSupport.Model;

namespace ProductCache.TestSupport.Explorer;

/// <summary>One rule that is left out on purpose, to see that the explorer notices.</summary>
/// <param name="Name">What is wrong, as a sentence.</param>
/// <param name="FoundIn">The scenario whose exploration finds it.</param>
internal sealed record Mutant(string Name, Scenario FoundIn)
{
    public static readonly Mutant None = new("NothingIsWrong", Scenarios.Read);

    /// <summary>The cache whose rule is left out.</summary>
    public Func<InMemoryCache, ExploredCache> Cache { get; init; } = cache => new ExploredCache(cache);

    /// <summary>What the change path does wrong.</summary>
    public PlantedBug PlantedBug { get; init; } = PlantedBug.None;

    public bool ReadsSqlBeforeTheClaim { get; init; }

    public bool DropsWhatARequestRenews { get; init; }

    public static async Task<IProductStore> ReadEarlyAsync(IProductStore store, ProductId id) => new RowsOf(await store.ReadAsync([id], default));

    private sealed class RowsOf(StoreRead read) : IProductStore
    {
        public Task<StoreRead> ReadAsync(IReadOnlyCollection<ProductId> ids, CancellationToken cancellationToken) => Task.FromResult(read);
    }
}
