using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using NSubstitute;
using ProductCache.Api.Http;
using ProductCache.Api.Products;
using ProductCache.Application;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Api.Products;

public sealed class CachedProductResultTests
{
    private static readonly CacheHeaders Headers = new(new CacheControlPolicy(), Substitute.For<ICacheClock>());

    private const int Ok = StatusCodes.Status200OK;
    private const int NotModified = StatusCodes.Status304NotModified;

    [Test]
    public async Task TheBytesOfTheEntryAreTheBody()
    {
        var entry = Sample.Entry(version: 5);

        var response = await Send(entry);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(Ok));
            Assert.That(BodyOf(response), Is.EqualTo(entry.Body.ToArray()));
            Assert.That(response.ContentLength, Is.EqualTo(entry.Body.Length));
            Assert.That(response.ContentType, Is.EqualTo("application/json; charset=utf-8"));
            Assert.That(response.Headers.ETag.ToString(), Is.EqualTo("\"5\""));
        }
    }

    [TestCase("\"5\"")]
    [TestCase("W/\"5\"")]
    [TestCase("*")]
    [TestCase("\"4\", \"5\"")]
    [TestCase("\"4\",W/\"5\" , \"6\"")]
    public async Task AReaderWhoHasTheVersionGetsNoBody(string ifNoneMatch)
    {
        var response = await Send(Sample.Entry(version: 5), ifNoneMatch);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(NotModified));
            Assert.That(BodyOf(response), Is.Empty);
            Assert.That(response.ContentType, Is.Null);
            Assert.That(response.Headers.ETag.ToString(), Is.EqualTo("\"5\""));
            Assert.That(response.Headers.CacheControl.ToString(), Is.Not.Empty);
        }
    }

    [Test]
    public async Task AReaderMayNameVersionsInSeveralHeaderLines() =>
        Assert.That((await Send(Sample.Entry(version: 5), "\"4\"", "\"5\"")).StatusCode, Is.EqualTo(NotModified));

    [TestCase("nonsense, \"5\"")]
    [TestCase("\"5\", 4")]
    public async Task ATagThatCannotBeReadIsIgnoredAlone(string ifNoneMatch) =>
        Assert.That((await Send(Sample.Entry(version: 5), ifNoneMatch)).StatusCode, Is.EqualTo(NotModified));

    [TestCase("\"4\"", null, 412)]
    [TestCase("W/\"5\"", null, 412)]
    [TestCase("\"4\"", "\"5\"", 412, Description = "If-Match is evaluated first")]
    [TestCase("\"5\"", null, 200)]
    [TestCase("\"4\", \"5\"", null, 200)]
    [TestCase("*", null, 200)]
    [TestCase("\"5\"", "\"5\"", 304)]
    [TestCase("\"5\"", "\"4\"", 200)]
    public async Task IfMatchIsEvaluatedBeforeIfNoneMatch(string ifMatch, string? ifNoneMatch, int status)
    {
        var response = await Send(Sample.Entry(version: 5), ifNoneMatch is null ? [] : [ifNoneMatch], ifMatch);

        Assert.That(response.StatusCode, Is.EqualTo(status));
        Assert.That(response.Headers.ETag.ToString(), Is.EqualTo("\"5\""));
        if (status == 412)
        {
            // Else a shared cache could give it to those who have no condition.
            Assert.That(response.Headers.CacheControl.ToString(), Is.EqualTo("no-store"));
            Assert.That(response.ContentType, Is.EqualTo("application/problem+json"));
        }
    }

    [TestCase]
    [TestCase("")]
    [TestCase("\"4\"")]
    [TestCase("\"4\", \"6\"")]
    [TestCase("5", Description = "not an entity tag")]
    [TestCase("\"05\"")]
    [TestCase("\"*\"", Description = "a tag of one asterisk, not any tag")]
    public async Task AReaderWhoHasAnotherVersionGetsTheBody(params string[] ifNoneMatch)
    {
        var response = await Send(Sample.Entry(version: 5), ifNoneMatch);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(Ok));
            Assert.That(BodyOf(response), Is.Not.Empty);
        }
    }

    [TestCase("gzip", null, 200, "\"5-gzip\"", true)]
    [TestCase("br", null, 200, "\"5\"", false)]
    [TestCase(null, null, 200, "\"5\"", false)]
    [TestCase("gzip;q=0, identity;q=0", null, 200, "\"5\"", false)]
    [TestCase("gzip", "\"5-gzip\"", 304, "\"5-gzip\"", false)]
    [TestCase("gzip", "\"5\"", 304, "\"5\"", false, Description = "the reader has the other representation of this version")]
    [TestCase(null, "W/\"5-gzip\"", 304, "\"5-gzip\"", false, Description = "of a proxy that compresses")]
    [TestCase("gzip", "\"4-gzip\"", 200, "\"5-gzip\"", true)]
    public async Task ACompressedBodyIsInflatedForThoseWhoRefuseIt(string? accepts, string? ifNoneMatch, int status, string tag, bool isCompressed)
    {
        var product = TestSupport.TestProducts.Product(Sample.Id, "Chair", 1m, new string('x', 3_000), 5);
        var entry = CachedProduct.Of(product, Sample.Time, TimeSpan.FromMinutes(1), EntryFormat.BuiltIn.WithCompression());

        var response = await Send(entry, ifNoneMatch is null ? [] : [ifNoneMatch], null, accepts);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(status));
            Assert.That(response.Headers.ETag.ToString(), Is.EqualTo(tag));
            Assert.That(response.Headers.Vary.ToString(), Is.EqualTo("Accept-Encoding"));
            Assert.That(response.Headers.ContentEncoding.ToString(), Is.EqualTo(isCompressed ? "gzip" : string.Empty));
            Assert.That(BodyOf(response), Is.EqualTo(status == 304 ? [] : isCompressed ? entry.StoredBody.ToArray() : product.Json.ToArray()));
            Assert.That(response.ContentLength, Is.EqualTo(status == 304 ? null : BodyOf(response).Length));
        }
    }

    [Test]
    public async Task ADamagedBodyIsNoAnswer()
    {
        var product = TestSupport.TestProducts.Product(Sample.Id, "Chair", 1m, new string('x', 3_000), 5);
        var payload = CachedProduct.Of(product, Sample.Time, TimeSpan.FromMinutes(1), EntryFormat.BuiltIn.WithCompression()).Payload;
        payload[^10] ^= 0xff;
        Assert.That(CachedProduct.TryRead(payload, out var damaged), Is.True);

        var response = await Send(damaged!);

        Assert.That((response.StatusCode, response.ContentType), Is.EqualTo((503, "application/problem+json")));
    }

    [TestCase("\"5-gzip\"", 200)]
    [TestCase("\"4-gzip\"", 412)]
    public async Task ATagOfTheOtherRepresentationIsAPreconditionToo(string ifMatch, int status) =>
        Assert.That((await Send(Sample.Entry(version: 5), [], ifMatch)).StatusCode, Is.EqualTo(status));

    [TestCase(0, 0)]
    [TestCase(0.9, 0)]
    [TestCase(61.5, 61)]
    [TestCase(600, 600)]
    [TestCase(601, 601, Description = "kept beyond its lifetime")]
    [TestCase(-0.5, 0)]
    [TestCase(-86_400, 0, Description = "the clock of the filling side is ahead")]
    public void AnAgeIsNeverNegative(double secondsSinceTheFill, int age)
    {
        IHeaderDictionary headers = new HeaderDictionary();
        var now = Sample.Time.AddSeconds(secondsSinceTheFill);

        Headers.Write(headers, Sample.Id, Sample.Entry(), EntrySource.Cache, default, now);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(headers.Age.ToString(), Is.EqualTo($"{age}"));
            Assert.That(headers.CacheControl.ToString(), Is.EqualTo("public, no-cache"));
            Assert.That(headers["Cache-Status"].ToString(), Does.StartWith($"ProductCache; hit; ttl={600 - age};"));
        }
    }

    [TestCase(ForwardReason.Miss, false, "fwd=miss; stored; ttl=600")]
    [TestCase(ForwardReason.Miss, true, "fwd=miss; stored; collapsed; ttl=600")]
    [TestCase(ForwardReason.Stale, false, "fwd=stale; stored; ttl=600")]
    [TestCase(ForwardReason.Request, true, "fwd=request; stored; collapsed; ttl=600")]
    public void AnAnswerThatWasForwardedSaysWhy(ForwardReason reason, bool collapsed, string status)
    {
        IHeaderDictionary headers = new HeaderDictionary();

        Headers.Write(headers, Sample.Id, Sample.Entry(), EntrySource.Fill, new Forward(reason, collapsed), Sample.Time);

        Assert.That(headers["Cache-Status"].ToString(), Is.EqualTo($"ProductCache; {status}"));
    }

    [Test]
    public void AnAnswerFromTheNearCacheSaysSo()
    {
        IHeaderDictionary headers = new HeaderDictionary();

        Headers.Write(headers, Sample.Id, Sample.Entry(), EntrySource.NearCache, default, Sample.Time);

        Assert.That(headers["Cache-Status"].ToString(), Is.EqualTo("ProductCache; hit; ttl=600; detail=near"));
    }

    private static Task<HttpResponse> Send(CachedProduct entry, params string[] ifNoneMatch) => Send(entry, ifNoneMatch, ifMatch: null);

    private static async Task<HttpResponse> Send(CachedProduct entry, string[] ifNoneMatch, string? ifMatch, string? acceptEncoding = null)
    {
        var context = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        context.RequestServices = new ServiceCollection().AddLogging().AddProblemDetails().BuildServiceProvider();
        if (acceptEncoding is not null)
        {
            context.Request.Headers.AcceptEncoding = acceptEncoding;
        }

        if (ifMatch is not null)
        {
            context.Request.Headers.IfMatch = ifMatch;
        }

        if (ifNoneMatch.Length > 0)
        {
            context.Request.Headers.IfNoneMatch = new StringValues(ifNoneMatch);
        }

        await new CachedProductResult(Sample.Id, entry, EntrySource.Cache, default, Sample.Time, Headers).ExecuteAsync(context);
        return context.Response;
    }

    private static byte[] BodyOf(HttpResponse response) => ((MemoryStream)response.Body).ToArray();
}
