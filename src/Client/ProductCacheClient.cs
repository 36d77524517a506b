using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ProductCache.Client;

/// <summary>
/// Reads, writes and follows products of a ProductCache service. Thread-safe; one for each service is enough. Faults of the service are
/// <see cref="ProductCacheException"/>; faults of the connection are those of <see cref="HttpClient"/>.
/// </summary>
public sealed class ProductCacheClient
{
    private const string Products = "api/v1/products";
    private const string MergePatch = "application/merge-patch+json";

    /// <summary>Products of which the client knows that it wrote them.</summary>
    private const int MaxOwnWrites = 10_000;

    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(1);

    private readonly HttpClient http;
    private readonly ProductCacheClientOptions options;
    private readonly TimeProvider time;
    private readonly ReadBatcher batcher;
    private readonly BoundedCache<RawProduct> kept;
    private readonly BoundedCache<(long Version, long At)> ownWrites = new(MaxOwnWrites);

    /// <param name="http">Its <see cref="HttpClient.BaseAddress"/> is that of the service.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="time">Null: the clock of the system.</param>
    public ProductCacheClient(HttpClient http, ProductCacheClientOptions? options = null, TimeProvider? time = null)
    {
        this.http = http;
        this.options = options ?? new ProductCacheClientOptions();
        this.time = time ?? TimeProvider.System;
        kept = new BoundedCache<RawProduct>(this.options.KeptBodies);
        batcher = new ReadBatcher(ReadBatchAsync, this.options.BatchWindow, this.time);
    }

    /// <summary>Reads a product of the built-in table.</summary>
    /// <inheritdoc cref="GetAsync{T}"/>
    public Task<ProductEntry<Product>?> GetAsync(long id, ReadOptions? read = null, CancellationToken cancellationToken = default) =>
        GetAsync<Product>(id.ToString(CultureInfo.InvariantCulture), read, cancellationToken);

    /// <summary>Reads a product. Reads without options that begin at about the same time are one request.</summary>
    /// <returns>Null: there is no such product.</returns>
    /// <exception cref="ProductPendingException">It is not cached yet, and did not become so in time.</exception>
    /// <exception cref="ProductCacheException">The service answered with an error.</exception>
    public async Task<ProductEntry<T>?> GetAsync<T>(string id, ReadOptions? read = null, CancellationToken cancellationToken = default)
    {
        var raw = read is null && OwnVersionOf(id) is null && options.BatchWindow > TimeSpan.Zero
            ? await batcher.ReadAsync(id, cancellationToken).ConfigureAwait(false)
            : await ReadOneAsync(id, read, cancellationToken).ConfigureAwait(false);
        return EntryOf<T>(raw);
    }

    /// <summary>Reads several products.</summary>
    /// <returns>The products that exist, by id.</returns>
    /// <inheritdoc cref="GetAsync{T}"/>
    public async Task<IReadOnlyDictionary<string, ProductEntry<T>>> GetManyAsync<T>(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default)
    {
        Dictionary<string, ProductEntry<T>> found = [];
        foreach (var part in ids.Distinct().Chunk(ProductCacheClientOptions.MaxBatch))
        {
            var answers = await ReadBatchAsync(part).WaitAsync(cancellationToken).ConfigureAwait(false);
            foreach (var (id, answer) in answers)
            {
                if (EntryOf<T>(await answer.WaitAsync(cancellationToken).ConfigureAwait(false)) is { } entry)
                {
                    found[id] = entry;
                }
            }
        }

        return found;
    }

    /// <summary>Creates a product. Its id is <see cref="WrittenProduct{T}.Id"/>.</summary>
    /// <param name="idempotencyKey">With the same key a repetition does not create another one. Null: the client makes one, so that its own retries do not.</param>
    public async Task<WrittenProduct<Product>> CreateAsync(ProductDraft draft, string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Products) { Content = JsonContent.Create(draft, options: options.Json) };
        request.Headers.Add("Idempotency-Key", idempotencyKey ?? Guid.NewGuid().ToString("N"));
        return await WriteAsync(request, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Replaces a product.</summary>
    /// <param name="ifMatch">The tag that it must have; <c>*</c>: any.</param>
    /// <exception cref="PreconditionFailedException">It has another tag.</exception>
    public async Task<WrittenProduct<Product>> ReplaceAsync(long id, ProductDraft draft, string ifMatch, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, PathOf(TextOf(id))) { Content = JsonContent.Create(draft, options: options.Json) };
        request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return await WriteAsync(request, TextOf(id), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Changes members of a product (RFC 7396): those that <paramref name="patch"/> has.</summary>
    /// <inheritdoc cref="ReplaceAsync"/>
    public async Task<WrittenProduct<Product>> PatchAsync(long id, JsonObject patch, string ifMatch, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, PathOf(TextOf(id)))
        {
            Content = JsonContent.Create(patch, new MediaTypeHeaderValue(MergePatch), options.Json),
        };
        request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return await WriteAsync(request, TextOf(id), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes a product.</summary>
    /// <inheritdoc cref="ReplaceAsync"/>
    public async Task DeleteAsync(long id, string ifMatch, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, PathOf(TextOf(id)));
        request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        await Problems.ThrowIfFailedAsync(answer, cancellationToken).ConfigureAwait(false);
        kept.Remove(TextOf(id));
        ownWrites.Remove(TextOf(id));
    }

    /// <summary>
    /// The state of the products now, and again at each change, until the enumeration is cancelled. It connects again by itself, and goes on
    /// where it was.
    /// </summary>
    /// <param name="ids">Up to <see cref="ProductCacheClientOptions.MaxBatch"/>.</param>
    public IAsyncEnumerable<ProductEvent<T>> FollowAsync<T>(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default) =>
        FollowAsync<T>($"ids={string.Join(',', ids.Select(Uri.EscapeDataString))}", cancellationToken);

    /// <summary>The changes of all cached products with a tag, for example <c>products</c>.</summary>
    /// <inheritdoc cref="FollowAsync{T}(IReadOnlyCollection{string}, CancellationToken)"/>
    public IAsyncEnumerable<ProductEvent<T>> FollowTagAsync<T>(string tag, CancellationToken cancellationToken = default) =>
        FollowAsync<T>($"tag={Uri.EscapeDataString(tag)}", cancellationToken);

    /// <summary>A cache in this process that the events of the service keep right.</summary>
    /// <param name="capacity">The number of products.</param>
    public LocalProductCache<T> CreateLocalCache<T>(int capacity = 10_000) => new(this, capacity, time);

    private IAsyncEnumerable<ProductEvent<T>> FollowAsync<T>(string query, CancellationToken cancellationToken) =>
        new EventStream(http, $"{Products}/events?{query}", time).ReadAsync(text => EventOf<T>(text), cancellationToken);

    private async Task<WrittenProduct<Product>> WriteAsync(HttpRequestMessage request, string? id, CancellationToken cancellationToken)
    {
        using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        await Problems.ThrowIfFailedAsync(answer, cancellationToken).ConfigureAwait(false);
        id ??= answer.Headers.Location is { } location ? Uri.UnescapeDataString(location.ToString().Split('/')[^1]) : throw Problems.Unusable(answer, "has no Location");
        var version = VersionOf(answer);
        kept.Remove(id);
        ownWrites.Set(id, (version, time.GetTimestamp()));
        return new WrittenProduct<Product>(id, await answer.Content.ReadFromJsonAsync<Product>(options.Json, cancellationToken).ConfigureAwait(false), version);
    }

    private async Task<IReadOnlyDictionary<string, Task<RawProduct>>> ReadBatchAsync(IReadOnlyCollection<string> ids)
    {
        if (ids.Count == 1)
        {
            return ids.ToDictionary(id => id, id => ReadOneAsync(id, null, CancellationToken.None));
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Products}?ids={string.Join(',', ids.Select(Uri.EscapeDataString))}");

        // Those that are not cached are waited for one by one, so that they do not hold back the others.
        request.Headers.Add("Prefer", "respond-async");
        using var answer = await http.SendAsync(request, CancellationToken.None).ConfigureAwait(false);
        await Problems.ThrowIfFailedAsync(answer, CancellationToken.None).ConfigureAwait(false);
        var items = (await answer.Content.ReadFromJsonAsync<JsonElement>(options.Json).ConfigureAwait(false)).GetProperty("items").EnumerateArray();
        return ids.Zip(items).ToDictionary(
            pair => pair.First,
            pair => pair.Second.GetProperty("status").GetString() switch
            {
                "hit" or "stale" => Task.FromResult(new RawProduct(
                    JsonSerializer.SerializeToUtf8Bytes(pair.Second.GetProperty("product")), pair.Second.GetProperty("version").GetInt64(), null)),
                "absent" => Task.FromResult(new RawProduct(null, 0, null)),
                _ => ReadOneAsync(pair.First, null, CancellationToken.None),
            });
    }

    private async Task<RawProduct> ReadOneAsync(string id, ReadOptions? read, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(id));
            var has = kept.TryGet(id, out var mine);
            if (has)
            {
                request.Headers.TryAddWithoutValidation("If-None-Match", mine!.ETag);
            }

            if (read?.Wait is { } wait)
            {
                request.Headers.Add("Prefer", string.Create(CultureInfo.InvariantCulture, $"wait={(int)wait.TotalSeconds}"));
            }

            if (read is { FromDatabase: true })
            {
                request.Headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
            }

            if (Larger(read?.AtLeastVersion, OwnVersionOf(id)) is { } version)
            {
                request.Headers.Add("Product-Version-At-Least", version.ToString(CultureInfo.InvariantCulture));
            }

            using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            switch (answer.StatusCode)
            {
                case HttpStatusCode.OK:
                    var raw = new RawProduct(await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false), VersionOf(answer), answer.Headers.ETag?.ToString());
                    if (raw.ETag is not null && options.KeptBodies > 0)
                    {
                        kept.Set(id, raw);
                    }

                    return raw;
                case HttpStatusCode.NotModified when has:
                    return mine!;
                case HttpStatusCode.NotFound when await Problems.NameOfAsync(answer, cancellationToken).ConfigureAwait(false) == Problems.NoSuchProduct:
                    return new RawProduct(null, 0, null);
                case HttpStatusCode.Accepted when attempt < options.PendingAttempts:
                    await Task.Delay(answer.Headers.RetryAfter?.Delta ?? DefaultRetryAfter, time, cancellationToken).ConfigureAwait(false);
                    continue;
                case HttpStatusCode.Accepted:
                    throw new ProductPendingException(id, answer.Headers.RetryAfter?.Delta);
                default:
                    await Problems.ThrowIfFailedAsync(answer, cancellationToken).ConfigureAwait(false);
                    throw Problems.Unusable(answer, "is not known");
            }
        }
    }

    private long? OwnVersionOf(string id) =>
        ownWrites.TryGet(id, out var own) && time.GetElapsedTime(own.At) < options.OwnWritesKept ? own.Version : null;

    private static long? Larger(long? one, long? other) => one > other || other is null ? one : other;

    private ProductEntry<T>? EntryOf<T>(RawProduct raw) => raw.Body is null ? null
        : new ProductEntry<T>(JsonSerializer.Deserialize<T>(raw.Body, options.Json)!, raw.Version, raw.ETag);

    private ProductEvent<T> EventOf<T>(JsonElement data) => new(
        data.GetProperty("id").ToString(),
        data.GetProperty("status").GetString() switch
        {
            "current" => ProductStatus.Current,
            "absent" => ProductStatus.Absent,
            "unreadable" => ProductStatus.Unreadable,
            _ => ProductStatus.Unknown,
        },
        data.TryGetProperty("product", out var product)
            ? new ProductEntry<T>(product.Deserialize<T>(options.Json)!, data.GetProperty("version").GetInt64(), data.GetProperty("etag").GetString())
            : null);

    // The number in front of what a mapping or an encoding adds.
    private static long VersionOf(HttpResponseMessage answer) =>
        answer.Headers.ETag is { } tag && long.TryParse(tag.Tag.Trim('"').Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var version)
            ? version
            : throw Problems.Unusable(answer, "has no version");

    private static string TextOf(long id) => id.ToString(CultureInfo.InvariantCulture);

    private static string PathOf(string id) => $"{Products}/{Uri.EscapeDataString(id)}";
}
