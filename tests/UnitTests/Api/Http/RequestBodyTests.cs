using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Time.Testing;
using ProductCache.Api.Http;
using ProductCache.Domain;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Api.Http;

public sealed class RequestBodyTests
{
    private readonly FakeTimeProvider time = new();

    [TestCase("application/json")]
    [TestCase("Application/JSON; charset=UTF-8")]
    [TestCase("application/json;charset=\"utf-8\"")]
    public async Task ABodyIsRead(string contentType)
    {
        var (bytes, fault) = await ReadAsync(Request(contentType, "{}"));

        Assert.That(fault, Is.Null);
        Assert.That(Encoding.UTF8.GetString(bytes.Span), Is.EqualTo("{}"));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("text/plain")]
    [TestCase("application/json; charset=latin1")]
    [TestCase("application/merge-patch+json")]
    [TestCase("application/x-www-form-urlencoded")]
    public async Task AnotherContentTypeIsUnsupported(string? contentType)
    {
        var http = Request(contentType, "{}");

        Assert.That(TypeOf(await ReadAsync(http)), Is.EqualTo("/problems/unsupported-content"));
        Assert.That(http.Response.Headers.Accept.ToString(), Is.EqualTo("application/json"));
    }

    [TestCase("gzip")]
    [TestCase("br, identity")]
    public async Task ABodyThatWouldHaveToBeUnpackedIsUnsupported(string encoding)
    {
        var http = Request("application/json", "{}");
        http.Request.Headers.ContentEncoding = encoding;

        Assert.That(TypeOf(await ReadAsync(http)), Is.EqualTo("/problems/unsupported-content"));
        Assert.That(http.Response.Headers.AcceptEncoding.ToString(), Is.EqualTo("identity"));
    }

    [Test]
    public async Task ABodyThatIsNotUtf8IsMalformed()
    {
        var http = Request("application/json", string.Empty);
        http.Request.Body = new MemoryStream([(byte)'"', 0xC3, 0x28, (byte)'"']);

        Assert.That(TypeOf(await ReadAsync(http)), Is.EqualTo("/problems/malformed-body"));
    }

    [Test]
    public async Task ABodyThatDoesNotComeIsTooSlow()
    {
        var http = Request("application/json", string.Empty);
        http.Request.Body = new Pipe().Reader.AsStream();

        var read = ReadAsync(http);
        time.Advance(RequestBody.Timeout);

        Assert.That(TypeOf(await read.WaitAsync(Gated.Patience)), Is.EqualTo("/problems/body-too-slow"));
    }

    [Test]
    public void TheLongestProductFitsWhicheverWayItIsSpelt()
    {
        var escaped = string.Concat("id,name,price,description".Where(char.IsLetter).Select(letter => $"\\u{(int)letter:x4}"));
        var product = string.Concat(Enumerable.Repeat(@"\ud83d\ude00", ProductLimits.MaxNameLength + ProductLimits.MaxDescriptionLength));
        var numbers = $"{long.MaxValue}{new string('9', 28)}";

        var length = escaped.Length + product.Length + numbers.Length + """{"":,"":"","":,"":""}""".Length;

        Assert.That(length, Is.LessThan(RequestBody.MaxLength));
    }

    [Test]
    public void ThePageOfABodyThatIsTooLargeTellsTheLimit()
    {
        using var page = new StreamReader(Problems.Open(Problems.BodyTooLarge.Name)!);

        Assert.That(page.ReadToEnd(), Does.Contain(RequestBody.MaxLength.ToString("N0", CultureInfo.InvariantCulture)));
    }

    private static DefaultHttpContext Request(string? contentType, string body)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = HttpMethods.Post;
        http.Request.ContentType = contentType;
        http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        return http;
    }

    private static string? TypeOf((ReadOnlyMemory<byte> Bytes, ProblemHttpResult? Fault) read) => read.Fault!.ProblemDetails.Type;

    private Task<(ReadOnlyMemory<byte> Bytes, ProblemHttpResult? Fault)> ReadAsync(HttpContext http) =>
        RequestBody.ReadAsync(http, RequestBody.Json, time, CancellationToken.None);
}
