using System.Globalization;
using Microsoft.Extensions.Hosting;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Instances;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>
/// Reads entries and leases without a step of the protocol. For near copies it publishes "nonce id" on the channel of questions, and the Apis
/// answer in the hash product-cache:answers:nonce.
/// </summary>
internal sealed class CacheInspection(
    IConnectionMultiplexer redis, ExpiringHashes hashes, RedisNames names, IInstances instances, TimeProvider time, EntryFormat format) : ICacheInspection
{
    /// <summary>How long the answers of Apis are awaited.</summary>
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(10);

    // One script, so that entry and lease are of one moment.
    private const string Read =
        """
        return { redis.pcall('HGET', KEYS[1], 'data'), redis.call('PTTL', KEYS[1]),
                 redis.pcall('HMGET', KEYS[2], 'token', 'floor'), redis.call('PTTL', KEYS[2]) }
        """;

    private readonly IDatabase database = names.DatabaseOf(redis);

    public async Task<InspectedEntry> ReadAsync(ProductId id, CancellationToken cancellationToken)
    {
        var parts = (RedisResult[])(await hashes.WithinAsync(
            database.ScriptEvaluateAsync(Read, [CacheKeys.Entry(id), CacheKeys.Lease(id)]), cancellationToken))!;
        var (entryLifetime, leaseLifetime) = ((long)parts[1], (long)parts[3]);
        CachedProduct? entry = null;
        string? fault = null;
        if (entryLifetime != -2
            && !(CachedProduct.TryRead(parts[0].Resp2Type == ResultType.BulkString ? (byte[]?)parts[0] : null, out entry) && format.Reads(entry.Payload)))
        {
            entry = null;
            fault = "The entry is damaged, or of a format or mapping that this process does not read. The next reader removes it, or requests the product.";
        }

        return new InspectedEntry(entry, entryLifetime < 0 ? null : TimeSpan.FromMilliseconds(entryLifetime), LeaseOf(parts[2], leaseLifetime), fault);
    }

    public async Task<IReadOnlyList<NearCopy>> AskNearCachesAsync(ProductId id, CancellationToken cancellationToken)
    {
        var apis = (await instances.ReadAsync(cancellationToken)).Count(instance => instance.Kind == InstanceReport.Api);
        if (apis == 0)
        {
            return [];
        }

        var nonce = Guid.NewGuid().ToString("N");
        await hashes.WithinAsync(redis.GetDatabase().PublishAsync(NearCopyAnswers.ChannelOf(names), $"{nonce} {id}"), cancellationToken);
        var began = time.GetTimestamp();
        IReadOnlyList<NearCopy> answers;
        do
        {
            await Task.Delay(LookInterval, time, cancellationToken);
            answers = await hashes.ReadAsync<NearCopy>(NearCopyAnswers.KeyOf(nonce), cancellationToken);
        }
        while (answers.Count < apis && time.GetElapsedTime(began) < AnswerTimeout);
        return [.. answers.OrderBy(copy => copy.Instance, StringComparer.Ordinal)];
    }

    private static InspectedLease? LeaseOf(RedisResult fields, long lifetime) =>
        lifetime >= 0 && fields.Resp2Type == ResultType.Array && (RedisValue[]?)fields is [{ IsNull: false } token, var floor]
            ? new InspectedLease(
                ((string)token!).StartsWith(GuardedCache.ClaimPrefix, StringComparison.Ordinal),
                long.TryParse((string?)floor, NumberStyles.None, CultureInfo.InvariantCulture, out var rank) ? rank : 0,
                TimeSpan.FromMilliseconds(lifetime))
            : null;
}

/// <summary>Answers the questions for near copies. Runs in each Api.</summary>
internal sealed class NearCopyAnswers(
    IConnectionMultiplexer redis, ExpiringHashes hashes, RedisNames names, InstanceIdentity identity, INearCache nearCache, TimeProvider time) : BackgroundService
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan AnswerLifetime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    public static RedisChannel ChannelOf(RedisNames names) => RedisChannel.Literal($"{names.Channel}:ask");

    public static RedisKey KeyOf(string nonce) => $"product-cache:answers:{nonce}";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                // A queue: one question after the other, so that questions cannot load this process.
                var questions = await redis.GetSubscriber().SubscribeAsync(ChannelOf(names)).WaitAsync(stoppingToken);
                questions.OnMessage(question => AnswerAsync(question.Message, stoppingToken));
                return;
            }
            catch (RedisException)
            {
                await Task.Delay(RetryInterval, time, stoppingToken);
            }
        }
    }

    private async Task AnswerAsync(string? question, CancellationToken stoppingToken)
    {
        if (question?.Split(' ') is not [{ Length: 32 } nonce, var text] || !ProductId.TryReadEscaped(text, out var id))
        {
            return;
        }

        var copy = nearCache.TryGet(id, out var entry)
            ? new NearCopy(identity.Id, entry.Version, entry.AgeAt(time.GetUtcNow()))
            : new NearCopy(identity.Id, null, null);
        try
        {
            await hashes.WriteAsync(KeyOf(nonce), identity.Id, copy, AnswerLifetime, stoppingToken);
        }
        catch (UnavailableException)
        {
            // The one who asks gets fewer answers.
        }
    }
}
