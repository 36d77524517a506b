using System.Buffers.Binary;
using System.Security.Cryptography;
using CsCheck;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.TestSupport.Model;

/// <summary>
/// Generated interleavings of writers, relay, Kafka, Workers, readers and near caches, with crashes, duplicates and losses,
/// on a cache under test. No reader goes back to what is older, and when all is drained nothing contradicts the table.
/// A run that fails is printed as a numbered list of steps, without those it does not need; CsCheck_Seed repeats it.
/// </summary>
public abstract class GuardedCacheModel
{
    /// <summary>Within so many runs a bug must be found.</summary>
    private const int MaxRunsToFind = 1_000;

    /// <summary>Runs of the right code.</summary>
    protected abstract int Runs { get; }

    [Test]
    public Task NoInterleavingBreaksAPromise()
    {
        var cache = CreateCache();
        return ModelCase.Any.SampleAsync(plan => ModelRun.ExecuteAsync(plan, cache, PlantedBug.None), iter: Runs, print: plan => Print(plan, cache, PlantedBug.None));
    }

    protected abstract IModelledCache CreateCache();

    /// <summary>A cache that makes a bug must be found out.</summary>
    /// <param name="firstRun">Of a bug that one run in many thousands finds out: where to begin, so that a test need not take so long.</param>
    protected static Task AssertFoundAsync(IModelledCache wrong, int firstRun) => FindAsync(wrong, PlantedBug.None, firstRun);

    /// <inheritdoc cref="AssertFoundAsync"/>
    protected Task AssertBugFoundAsync(string bug, int firstRun) =>
        FindAsync(CreateCache(), PlantedBug.All.Single(known => known.Name == bug), firstRun);

    // The seeds are fixed, so that the same run finds the same bug every time.
    private static async Task FindAsync(IModelledCache cache, PlantedBug bug, int firstRun)
    {
        for (var run = firstRun; run < firstRun + MaxRunsToFind; run++)
        {
            try
            {
                await ModelCase.Any.SampleAsync(
                    plan => ModelRun.ExecuteAsync(plan, cache, bug),
                    seed: SeedOf(run),
                    iter: 1,
                    threads: 1,
                    print: plan => Print(plan, cache, bug));
            }
            catch (CsCheckException found)
            {
                Assert.That(found.InnerException, Is.TypeOf<ModelViolation>(), found.ToString);
                await TestContext.Out.WriteLineAsync($"Found by run {run}. {found.Message}");
                return;
            }
        }

        Assert.Fail($"Not found in {MaxRunsToFind} runs.");
    }

    // Spread over all states: seeds that are near to each other begin with the same numbers.
    private static string SeedOf(int run) => new PCG((uint)run, BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(BitConverter.GetBytes(run)))).ToString();

    private static string Print(ModelCase plan, IModelledCache cache, PlantedBug bug)
    {
        var reduced = plan.Reduce(shorter => ViolationOf(shorter) is not null);
        return ViolationOf(reduced) ?? "It did not fail again.";

        // CsCheck asks for a text, not for a task.
        string? ViolationOf(ModelCase shorter)
        {
            try
            {
                ModelRun.ExecuteAsync(shorter, cache, bug).GetAwaiter().GetResult();
                return null;
            }
            catch (ModelViolation violation)
            {
                return violation.Message;
            }
        }
    }
}

/// <summary>The model on the fake.</summary>
public sealed class InMemoryModelledCache : IModelledCache
{
    private readonly InMemoryCache cache = new(TimeProvider.System);

    public IGuardedCache Guarded => cache;

    public Task<byte[]?> ReadAsync(ProductId id) => cache.GetAsync(CacheKeys.Entry(id));

    public Task ExpireEntryAsync(ProductId id)
    {
        cache.ExpireEntry(id);
        return Task.CompletedTask;
    }

    public Task ExpireLeaseAsync(ProductId id)
    {
        cache.ExpireLease(id);
        return Task.CompletedTask;
    }

    public async Task LoseAsync(IReadOnlyList<ProductId> ids)
    {
        foreach (var id in ids)
        {
            await ExpireEntryAsync(id);
            await ExpireLeaseAsync(id);
        }
    }

    public Task ClaimAgainAsync(ClaimRequest request, Lease claim)
    {
        cache.ClaimAgain(request, claim);
        return Task.CompletedTask;
    }
}
