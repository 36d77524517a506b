using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Api.Products;

public sealed class ProductBatchResultTests
{
    private readonly ServiceProvider meters = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private FakeTimeProvider time = null!;

    [OneTimeTearDown]
    public void DisposeMeters() => meters.Dispose();

    [SetUp]
    public void SetUp() => time = new FakeTimeProvider(Sample.Time);

    [Test]
    public async Task EachProductHasItsOwnStatusAndTheBytesOfItsEntry()
    {
        time.Advance(TimeSpan.FromSeconds(61));

        var response = await SendAsync(
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(10)), EntrySource.NearCache),
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(1)), EntrySource.Cache),
            new GetProductResult.Absent(Sample.NegativeEntry(), EntrySource.Cache),
            new GetProductResult.Requested(),
            new GetProductResult.Unavailable(Dependency.Broker),
            new GetProductResult.OlderThanDemanded(Sample.Entry(version: 5), new Forward(ForwardReason.Request, Collapsed: false)));

        var product = Encoding.UTF8.GetString(Sample.Entry(version: 5).Body.Span);
        Assert.That(
            BodyOf(response),
            Is.EqualTo(
                $$"""{"items":[{"id":1,"status":"hit","version":5,"age":61,"product":{{product}}},"""
                + $$"""{"id":2,"status":"stale","version":5,"age":61,"product":{{product}}},"""
                + """{"id":3,"status":"absent"},{"id":4,"status":"requested"},{"id":5,"status":"unavailable"},{"id":6,"status":"older","version":5}]}"""));
        Assert.That(response.ContentType, Is.EqualTo("application/json; charset=utf-8"));
    }

    [Test]
    public async Task AnAnswerThatIsNotCompleteIsNotKeptAndSaysWhenToComeBack()
    {
        var response = await SendAsync(
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(10)), EntrySource.Cache), new GetProductResult.Requested());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.Headers.CacheControl.ToString(), Is.EqualTo("no-store"));
            Assert.That(response.Headers.RetryAfter.ToString(), Is.EqualTo("1"));
            Assert.That(response.Headers["Cache-Status"].ToString(), Is.EqualTo("ProductCache; fwd=miss"));
        }
    }

    [TestCase(EntrySource.Cache, "ProductCache; hit; ttl=50")]
    [TestCase(EntrySource.Fill, "ProductCache; fwd=miss; stored; ttl=50")]
    public async Task ACompleteAnswerIsAsFreshAsItsOldestPart(EntrySource source, string cacheStatus)
    {
        time.Advance(TimeSpan.FromSeconds(10));

        var response = await SendAsync(
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(10)), EntrySource.Cache),
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(1)), source));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.Headers.CacheControl.ToString(), Is.EqualTo("public, max-age=20, s-maxage=50"));
            Assert.That(response.Headers["CDN-Cache-Control"].ToString(), Is.EqualTo("max-age=50"));
            Assert.That(response.Headers["Cache-Tag"].ToString(), Is.EqualTo("products,product-1,product-2"));
            Assert.That(response.Headers["Surrogate-Key"].ToString(), Is.EqualTo("products product-1 product-2"));
            Assert.That(response.Headers["Cache-Status"].ToString(), Is.EqualTo(cacheStatus));
            Assert.That(response.Headers.ContainsKey("Retry-After"), Is.False);
        }
    }

    [TestCase(ForwardReason.Request, true, ForwardReason.Stale, true, "fwd=stale; collapsed")]
    [TestCase(ForwardReason.Stale, true, ForwardReason.Miss, false, "fwd=miss")]
    public async Task AnIncompleteAnswerTellsTheFirstReasonOfItsParts(ForwardReason one, bool oneCollapsed, ForwardReason other, bool otherCollapsed, string status)
    {
        var response = await SendAsync(
            new GetProductResult.Found(EntryOf(TimeSpan.FromMinutes(10)), EntrySource.Fill, new Forward(one, oneCollapsed)),
            new GetProductResult.Requested(new Forward(other, otherCollapsed)));

        Assert.That(response.Headers["Cache-Status"].ToString(), Is.EqualTo($"ProductCache; {status}"));
    }

    [TestCase("1,2,3", "1,2,3")]
    [TestCase("3,1,3,2,1", "3,1,2")]
    [TestCase("1,2|2,3", "1,2,3")]
    public void IdsAreReadInOrderAndFolded(string parameters, string expected)
    {
        Assert.That(ProductReadEndpoints.TryReadIds(parameters.Replace('|', ',').Split(','), ProductIdType.Bigint, out var ids, out _), Is.True);
        Assert.That(string.Join(',', ids), Is.EqualTo(expected));
    }

    [TestCase(null, "ids must have at least one product id")]
    [TestCase("", "Value 1 is not a product id")]
    [TestCase("1,,2", "Value 2 is not a product id")]
    [TestCase("1,2,x", "Value 3 is not a product id")]
    [TestCase("1, 2", "Value 2 is not a product id")]
    public void WhatIsNoListOfIdsIsRefused(string? parameter, string fault)
    {
        Assert.That(ProductReadEndpoints.TryReadIds(parameter?.Split(',') ?? [], ProductIdType.Bigint, out _, out var told), Is.False);
        Assert.That(told, Does.Contain(fault));
    }

    [Test]
    public void TwoHundredIdsAreReadAndNotOneMore()
    {
        var ids = Enumerable.Range(1, 201).ToList();

        Assert.That(ProductReadEndpoints.TryReadIds(ids.Take(200).Select(id => $"{id}"), ProductIdType.Bigint, out var read, out _), Is.True);
        Assert.That(read, Has.Count.EqualTo(200));
        Assert.That(ProductReadEndpoints.TryReadIds(ids.Select(id => $"{id}"), ProductIdType.Bigint, out _, out var fault), Is.False);
        Assert.That(fault, Is.EqualTo("ids may have at most 200 product ids, not 201."));
    }

    private static CachedProduct EntryOf(TimeSpan lifetime) => CachedProduct.Of(Sample.Product(Sample.Id, version: 5), Sample.Time, lifetime);

    private async Task<HttpResponse> SendAsync(params GetProductResult[] results)
    {
        var context = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        var answers = new LargeAnswers(new LargeAnswerOptions(MaxBytes: 1), meters.GetRequiredService<IMeterFactory>(), TimeProvider.System);
        var (ids, headers) = (new ProductIds(ProductIdType.Bigint), new CacheHeaders(new CacheControlPolicy(MaxAge: 20, SharedMaxAge: 100), Substitute.For<ICacheClock>()));
        await new ProductBatchResult([.. results.Select((_, i) => new ProductId(i + 1))], results, time.GetUtcNow(), answers, answers.Hold(context), ids, headers).ExecuteAsync(context);
        await context.Response.BodyWriter.FlushAsync();
        return context.Response;
    }

    private static string BodyOf(HttpResponse response) => Encoding.UTF8.GetString(((MemoryStream)response.Body).ToArray());
}
