using System.Text.Json;
using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;

namespace ProductCache.Api.Console;

/// <summary>
/// The data of the console page. It is no contract: it changes with the page, and OpenAPI does not describe it. Only the routes that the page
/// uses to read, write and purge are.
/// </summary>
internal sealed class ConsoleEndpoints(IMediator mediator, SharedInstances instances, IWatchedTraces traces, ProductIds ids, EntryFormat format) : IDisposable
{
    /// <summary>Products that are looked up at the same time. Each asks all Apis, so a further request is refused.</summary>
    public const int MaxInspections = 8;

    private const int TraceIdLength = 32;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly SemaphoreSlim turns = new(MaxInspections);

    /// <summary>All processes with their servers and metrics.</summary>
    public async Task<IResult> GetInstancesAsync(HttpContext http, CancellationToken cancellationToken) => await AnswerAsync(
        http,
        async () => new { Instances = (await instances.ReadAsync(cancellationToken)).Select(BodyOf) });

    /// <summary>A product in the near cache of each Api, in Redis and in PostgreSQL.</summary>
    public async Task<IResult> GetProductAsync(string id, HttpContext http, CancellationToken cancellationToken)
    {
        if (!ids.TryReadPath(http, id, out var productId))
        {
            return ProductReadEndpoints.NotAnId(ids.Type);
        }

        if (!turns.Wait(0, cancellationToken))
        {
            return Problems.RateLimitExceeded(http);
        }

        try
        {
            return await AnswerAsync(http, async () => BodyOf(await mediator.Send(new InspectProduct(productId), cancellationToken), isWritable: !format.IsMapped));
        }
        finally
        {
            turns.Release();
        }
    }

    /// <summary>The spans of a watched trace that have ended.</summary>
    public async Task<IResult> GetTraceAsync(string id, HttpContext http, CancellationToken cancellationToken) =>
        id.Length == TraceIdLength && id.All(char.IsAsciiHexDigitLower) && id.StartsWith(IWatchedTraces.Prefix, StringComparison.Ordinal)
            ? await AnswerAsync(http, async () => new { Spans = await traces.ReadAsync(id, cancellationToken) })
            : TypedResults.NotFound();

    /// <summary>What the credential of the request may do. The page shows it.</summary>
    public static IResult GetScopes(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(new { Scopes = http.User.FindAll(ApiAuthorization.ScopeClaim).Select(claim => claim.Value) }, Json);
    }

    public void Dispose() => turns.Dispose();

    private static async Task<Results<JsonHttpResult<object>, ProblemHttpResult>> AnswerAsync(HttpContext http, Func<Task<object>> readAsync)
    {
        http.Response.Headers.CacheControl = "no-store";
        try
        {
            return TypedResults.Json(await readAsync(), Json);
        }
        catch (UnavailableException unavailable)
        {
            return Problems.RetryLater(http, Problems.CacheUnavailable, $"{unavailable.Reason ?? "The cache did not respond"}.");
        }
    }

    private static object BodyOf(InstanceReport one) => new
    {
        one.Id,
        one.Kind,
        one.Host,
        one.Version,
        one.StartedAt,
        one.At,
        AgeMs = (long)one.Age.TotalMilliseconds,
        one.Servers,
        one.Metrics,
        one.Hot,
    };

    private static object BodyOf(ProductInspection found, bool isWritable) => new
    {
        IsWritable = isWritable,
        found.Finding,
        NearCopies = found.NearCopies.Select(copy => new { copy.Instance, copy.Version, AgeMs = copy.Age is { } age ? (long?)age.TotalMilliseconds : null }),
        Redis = new
        {
            found.Entry.Fault,
            Version = found.Entry.Entry?.Version,
            IsAbsent = found.Entry.Entry?.IsAbsent,
            found.Entry.Entry?.FilledAt,
            LifetimeMs = found.Entry.Entry is { } entry ? (long?)entry.Lifetime.TotalMilliseconds : null,
            ExpiresInMs = found.Entry.ExpiresIn is { } left ? (long?)left.TotalMilliseconds : null,
            Product = found.Entry.Entry is { IsAbsent: false, IsUnreadable: false } product ? JsonSerializer.Deserialize<JsonElement>(product.Body.Span) : (JsonElement?)null,
            Unreadable = found.Entry.Entry is { IsUnreadable: true } unreadable ? unreadable.Reason : null,
            Lease = found.Entry.Lease is { } lease ? new { lease.IsClaim, lease.Floor, ExpiresInMs = (long)lease.ExpiresIn.TotalMilliseconds } : null,
        },
        Postgres = found.Row is not { } row ? null : new
        {
            row.Fault,
            row.Product?.Version,
            Product = row.Product is { } stored ? JsonSerializer.Deserialize<JsonElement>(stored.Json.Span) : (JsonElement?)null,
        },
    };
}

/// <summary>The reports of all processes, read once for all viewers of the page.</summary>
internal sealed class SharedInstances(IInstances instances, TimeProvider time)
{
    /// <summary>How long a read serves further viewers.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMilliseconds(500);

    private readonly Lock gate = new();

    // Only under the gate.
    private Task<IReadOnlyList<InstanceReport>>? last;
    private long readAt;

    public Task<IReadOnlyList<InstanceReport>> ReadAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (last is null || last.IsFaulted || time.GetElapsedTime(readAt) > Lifetime)
            {
                readAt = time.GetTimestamp();
                last = instances.ReadAsync(CancellationToken.None);
            }

            return last.WaitAsync(cancellationToken);
        }
    }
}
