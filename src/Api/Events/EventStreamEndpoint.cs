using System.Diagnostics.Metrics;
using MediatR;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Events;

/// <summary>GET /api/v1/products/events: server-sent events with the state of products now and at each change.</summary>
internal sealed class EventStreamEndpoint
{
    /// <summary>The changed products that a stream reads at a time: their bodies are held until the client has read them.</summary>
    private const int PartLength = 20;

    /// <summary>Of a tag, in characters.</summary>
    private const int MaxTagLength = 200;

    private readonly IMediator mediator;
    private readonly ProductEvents events;
    private readonly EventReader reader;
    private readonly ProductIds productIds;
    private readonly ClientLimits limits;
    private readonly LargeAnswers answers;
    private readonly DefaultWait defaultWait;
    private readonly IHostApplicationLifetime lifetime;
    private readonly TimeProvider time;
    private readonly Shares streams;
    private readonly Counter<long> sent;

    public EventStreamEndpoint(
        IMediator mediator,
        ProductEvents events,
        EventReader reader,
        ProductIds productIds,
        ClientLimits limits,
        LargeAnswers answers,
        DefaultWait defaultWait,
        EventStreamOptions options,
        IHostApplicationLifetime lifetime,
        IMeterFactory meters,
        TimeProvider time)
    {
        (this.mediator, this.events, this.reader, this.productIds) = (mediator, events, reader, productIds);
        (this.limits, this.answers, this.defaultWait, this.lifetime, this.time) = (limits, answers, defaultWait, lifetime, time);
        streams = new Shares(options.All, options.PerClient);
        var meter = meters.Create("ProductCache.Events");
        sent = meter.CreateCounter<long>("productcache.events.sent", "{event}", "Events with the state of a product.");
        meter.CreateObservableGauge("productcache.events.streams", () => streams.Total, "{stream}", "Open event streams.");
    }

    public IResult GetEvents(HttpContext http)
    {
        var (hasIds, tags) = (http.Request.Query.ContainsKey("ids"), http.Request.Query["tag"]);
        if (hasIds == (tags.Count == 1) || tags.Count > 1)
        {
            return Problems.Create(Problems.NotAListOfIds, "A stream needs either ids, for example ids=1,2,3, or one tag.");
        }

        IReadOnlyList<ProductId>? ids = null;
        if (hasIds && !ProductReadEndpoints.TryReadIds(productIds.ReadQuery(http.Request), productIds.Type, out ids, out var fault))
        {
            return Problems.Create(Problems.NotAListOfIds, fault);
        }

        var tag = hasIds ? null : tags[0];
        if (tag is not null && (tag.Length is 0 or > MaxTagLength || tag.AsSpan().ContainsAnyExceptInRange('!', '~')))
        {
            return Problems.Create(Problems.NotAListOfIds, $"A tag has 1 to {MaxTagLength} characters of ASCII, without spaces.");
        }

        // Its products count as those of a batch do.
        if (!limits.MayRequest(http, (ids?.Count ?? 1) - 1) || streams.TryTake(ClientLimits.ClientOf(http), 1) != ShareResult.Taken)
        {
            return Problems.RateLimitExceeded(http);
        }

        return new EventStream(this, ids, tag);
    }

    private async Task SendAsync(HttpContext http, IReadOnlyList<ProductId>? ids, string? tag)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        var after = EventPosition.Parse(http.Request.Headers["Last-Event-ID"].ToString());
        using var subscription = events.Subscribe(ids, after, out var isResumed);
        var writer = new EventStreamWriter(http, reader, tag, time);
        try
        {
            await writer.BeginAsync(isReset: after is not null && !isResumed, ended.Token);
            if (ids is not null && !isResumed)
            {
                var updates = subscription.Take(out _);
                await SendFirstAsync(http, ids, writer, updates, ended.Token);
            }

            while (!writer.IsOver)
            {
                var updates = subscription.Take(out var woken);
                if (updates.IsLost)
                {
                    break;
                }

                var left = updates.Ids.Count;
                foreach (var part in updates.Ids.Chunk(PartLength).DefaultIfEmpty([]))
                {
                    var results = await Task.WhenAll(part.Select(id => reader.ReadAsync(id, updates.Position, onlyIfCached: tag is not null, ended.Token)));

                    // Only after the last part has the client seen everything up to the position.
                    left -= part.Length;
                    sent.Add(await writer.WriteAsync(part.Zip(results), left == 0 ? updates : updates with { Position = null }, ended.Token));
                }

                await writer.WaitAsync(woken, ended.Token);
            }

            await writer.EndAsync(http.RequestAborted);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && !http.RequestAborted.IsCancellationRequested)
        {
            await writer.EndAsync(http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The client has gone.
        }
    }

    // As a batch is read, within the limits of one client.
    private async Task SendFirstAsync(HttpContext http, IReadOnlyList<ProductId> ids, EventStreamWriter writer, ProductUpdates updates, CancellationToken cancellationToken)
    {
        using var miss = limits.OfMiss(http);
        using var held = answers.Hold(http);
        var results = await mediator.Send(
            new GetProducts(ids, defaultWait.Wait, MayAsk: miss.MayAsk, MayWait: miss.MayWait, MayHold: entry => held.TryAdd(entry.BodyLength)), cancellationToken);
        sent.Add(await writer.WriteAsync(ids.Zip(results), updates, cancellationToken));
    }

    /// <summary>An open stream. It holds its place until the client goes, or is told to come again.</summary>
    private sealed class EventStream(EventStreamEndpoint endpoint, IReadOnlyList<ProductId>? ids, string? tag) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var client = ClientLimits.ClientOf(httpContext);
            try
            {
                await endpoint.SendAsync(httpContext, ids, tag);
            }
            finally
            {
                endpoint.streams.GiveBack(client, 1);
            }
        }
    }
}
