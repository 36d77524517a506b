using System.Collections.Concurrent;
using ProductCache.Application;
using ProductCache.Domain;
using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>
/// Provokes, with random timing, the races that the protocol has to handle. Each scenario has a product of its own, which is not used
/// afterwards, so that an error is still visible in the final comparison; later writes would repair it.
/// </summary>
internal sealed class RaceScenarios(TestBed testBed, Writers writers, Catalogue catalogue, RunClock clock, int seed)
{
    private const int AtOnce = 64;
    private const int ClientsPerApi = 2;

    /// <summary>
    /// A scenario happens within 20, 40 … or 640 ms: a read of Redis takes 1 to 2 ms, a fill about 10 ms, on a busy machine 100 ms, and a
    /// fill of a slow Worker up to 1 s.
    /// </summary>
    private const int ShortestWindow = 20;
    private const int Windows = 6;

    /// <summary>The time within which a slow Worker applies a change.</summary>
    private const int MaxEvictionDelayMilliseconds = 1_500;

    private const int MaxRestMilliseconds = 2_000;

    /// <summary>The interval and the number of checks whether Redis has a change.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);
    private const int MaxLooks = 200;

    /// <summary>Longer than a near cache may lag behind Redis.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly List<Read>[] reads = [.. Enumerable.Range(0, AtOnce).Select(_ => new List<Read>())];
    private readonly List<Abandoned>[] abandoned = [.. Enumerable.Range(0, AtOnce).Select(_ => new List<Abandoned>())];

    private readonly ConcurrentBag<Settled> settled = [];
    private readonly int[] counts = new int[4];

    /// <summary>The number of scenarios of each kind.</summary>
    public string Counts =>
        FormattableString.Invariant($"fill beside changes: {counts[0]}, near read beside a change: {counts[1]}, change of near copies: {counts[2]}, refresh beside an eviction: {counts[3]}, of which {Abandoned.Count()} were abandoned");

    public IEnumerable<Read> Reads => reads.SelectMany(each => each);

    public IEnumerable<Settled> Settled => settled;

    public IEnumerable<Abandoned> Abandoned => abandoned.SelectMany(each => each);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var redis = await testBed.OpenRedisAsync();
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(lane => TryAllAsync(lane, redis.GetDatabase(), cancellationToken)));
    }

    private async Task TryAllAsync(int lane, IDatabase redis, CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(seed, nameof(RaceScenarios).Length, lane));
        ReadClient[] clients =
        [
            .. Enumerable.Range(0, ClientsPerApi).SelectMany(_ => testBed.Apis.Select((api, i) => (Api: api, Number: i + 1)))
                .Select((api, i) => new ReadClient(Readers.MaxClients + (lane * ClientsPerApi * 2) + i, api.Number, api.Api, clock)),
        ];
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                var scenario = new RaceScenario(catalogue.NewScenarioId(), clients, reads[lane], settled, writers, redis, clock, random, cancellationToken);
                var sort = random.Next(4);
                await (sort switch
                {
                    0 => scenario.FillBesideChangesAsync(),
                    1 => scenario.NearReadBesideChangeAsync(),
                    2 => scenario.ChangeOfNearCopiesAsync(),
                    _ => AbandonAsync(scenario, abandoned[lane]),
                });
                Interlocked.Increment(ref counts[sort]);
                await Task.Delay(Pause, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The run is over; what this scenario has done counts all the same.
        }
        finally
        {
            foreach (var client in clients)
            {
                client.Dispose();
            }
        }
    }

    private static async Task AbandonAsync(RaceScenario scenario, List<Abandoned> abandoned)
    {
        if (await scenario.RefreshBesideEvictionAsync() is { } found)
        {
            abandoned.Add(new Abandoned(scenario.Id, found.Start, found.End));
        }
    }

    private sealed class RaceScenario(
        long id,
        ReadClient[] clients,
        List<Read> reads,
        ConcurrentBag<Settled> settled,
        Writers writers,
        IDatabase redis,
        RunClock clock,
        Random random,
        CancellationToken cancellationToken)
    {
        private readonly Lock gate = new();
        private readonly int window = ShortestWindow << random.Next(Windows);

        public long Id => id;

        /// <summary>Readers miss, Workers fill, and meanwhile the product changes and Redis loses the entry, the lease or both.</summary>
        public async Task FillBesideChangesAsync()
        {
            var present = random.Next(2) == 0 && await writers.InsertAsync(id, cancellationToken) > 0;
            var changes = Times(random.Next(1, 4));
            await Task.WhenAll(
            [
                ChangeAsync(changes, present),
                .. Times(random.Next(4)).Select(time => EvictAsync(time, alsoLease: random.Next(2) == 0)),
                .. clients.Select(client => ReadAsync(client, Times(3), random.Next(3) == 0 ? Wait : TimeSpan.Zero)),
            ]);
        }

        /// <summary>Near caches copy a product from Redis while it changes.</summary>
        public async Task NearReadBesideChangeAsync()
        {
            if (await writers.InsertAsync(id, cancellationToken) > 0 && await FoundAsync(clients[0]) is not null && await writers.UpdateAsync(id, cancellationToken) > 0)
            {
                var version = 0L;
                var change = AtAsync(Times(1), async () => version = await writers.UpdateAsync(id, cancellationToken));
                await Task.WhenAll([change, .. clients.Select(client => ReadAsync(client, Times(3), TimeSpan.Zero))]);
                await SettleAsync(version);
            }
        }

        /// <summary>A product that the near caches have held for a while changes, perhaps while no subscription is active.</summary>
        public async Task ChangeOfNearCopiesAsync()
        {
            if (await writers.InsertAsync(id, cancellationToken) > 0 && await FoundAsync(clients[0]) is not null)
            {
                await Task.WhenAll(clients.Select(client => ReadAsync(client, Times(2), TimeSpan.Zero)));
                await Task.Delay(random.Next(MaxRestMilliseconds), cancellationToken);
                await SettleAsync(await writers.UpdateAsync(id, cancellationToken));
            }
        }

        /// <summary>Redis evicts an entry while it is refreshed. Returns the last read of the product.</summary>
        public async Task<Read?> RefreshBesideEvictionAsync()
        {
            if (await writers.InsertAsync(id, cancellationToken) > 0
                && await FoundAsync(clients[0]) is { } read
                && await writers.UpdateAsync(id, cancellationToken) > 0
                && await EvictAsync(random.Next(MaxEvictionDelayMilliseconds), alsoLease: true))
            {
                return read;
            }

            return null;
        }

        // Some seconds after Redis has shown the version, every client looks once more.
        private async Task SettleAsync(long version)
        {
            if (version > 0 && await ShownByRedisAsync(version) is { } at)
            {
                settled.Add(new Settled(id, version, at));
                await Task.Delay(Rest, cancellationToken);
                await Task.WhenAll(clients.Select(client => ReadAsync(client, [0], TimeSpan.Zero)));
            }
        }

        private async Task<TimeSpan?> ShownByRedisAsync(long version)
        {
            for (var tries = 0; tries < MaxLooks; tries++)
            {
                await Task.Delay(LookInterval, cancellationToken);
                try
                {
                    var rank = (long?)await redis.HashGetAsync(CacheKeys.Entry(new ProductId(id)), "rank");
                    if (rank >= 2 * version)
                    {
                        return clock.Now;
                    }
                }
                catch (Exception exception) when (exception is RedisException or TimeoutException)
                {
                    // Away; the next look may tell.
                }
            }

            return null;
        }

        private int[] Times(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(window)).Order()];

        private async Task<Read?> FoundAsync(ReadClient client)
        {
            var read = await client.ReadAsync(id, Wait, 0);
            Add(read);
            return read.Status == 200 ? read : null;
        }

        private Task ReadAsync(ReadClient client, int[] times, TimeSpan wait) =>
            AtAsync(times, async () => Add(await client.ReadAsync(id, wait, 0)));

        private Task ChangeAsync(int[] times, bool present) => AtAsync(times, async () =>
        {
            if (!present)
            {
                present = await writers.InsertAsync(id, cancellationToken) > 0;
            }
            else if (times.Length > 1 && times[0] % 3 == 0)
            {
                present = await writers.DeleteAsync(id, cancellationToken) == 0;
            }
            else
            {
                await writers.UpdateAsync(id, cancellationToken);
            }
        });

        private async Task<bool> EvictAsync(int time, bool alsoLease)
        {
            await Task.Delay(time, cancellationToken);
            var product = new ProductId(id);
            try
            {
                return await redis.KeyDeleteAsync(alsoLease ? [CacheKeys.Entry(product), CacheKeys.Lease(product)] : [CacheKeys.Entry(product)]) > 0;
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                return false;
            }
        }

        // At these times, or as soon after them as the one before is done.
        private async Task AtAsync(int[] times, Func<Task> act)
        {
            var started = TimeProvider.System.GetTimestamp();
            foreach (var time in times)
            {
                var rest = TimeSpan.FromMilliseconds(time) - TimeProvider.System.GetElapsedTime(started);
                if (rest > TimeSpan.Zero)
                {
                    await Task.Delay(rest, cancellationToken);
                }

                await act();
            }
        }

        private void Add(Read read)
        {
            lock (gate)
            {
                reads.Add(read);
            }
        }
    }
}
