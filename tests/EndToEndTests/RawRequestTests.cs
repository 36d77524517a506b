using System.Text;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>
/// Requests that a proxy and this service could see end at different places, byte by byte. Each is sent together with a
/// second request, which must never be answered. No server is needed: nothing here comes as far as the cache.
/// </summary>
[Category(TestCategories.NoServers)]
public sealed class RawRequestTests
{
    private const string Live = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string Smuggled = "GET /problems/no-such-product HTTP/1.1\r\nHost: smuggled\r\n\r\n";
    private const string Head = "Host: a\r\n";
    private const string Chunked = "Transfer-Encoding: chunked\r\n";
    private const string NoChunks = "0\r\n\r\n";

    // Of a request with a body. No route takes one yet: what is wrong inside is found after the answer, when the rest is read.
    private const string BodyMethod = "POST";
    private const string BodyPath = "/productapp/1/";
    private const int BodyStatus = 405;

    private const int BadRequest = 400;

    /// <summary>More than the service takes of one request, in bytes.</summary>
    private const int TooMuch = 512 * 1024;

    private readonly int port = TestServer.FreePort();
    private ServiceUnderTest api = null!;

    public static IEnumerable<TestCaseData> Probes() => [.. Lengths(), .. Codings(), .. Lines(), .. Hosts(), .. Chunks(BodyMethod, BodyPath, BodyStatus), .. Reads()];

    public static IEnumerable<TestCaseData> ClearRequests()
    {
        yield return Probe("no length", Request("GET", "/health/live"), 200);
        yield return Probe("length 0 of a read", Request("GET", "/health/live", "Content-Length: 0\r\n"), 200);
        yield return Probe("blanks around a length", Request(BodyMethod, BodyPath, "Content-Length: \t 10 \r\n", "0123456789"), BodyStatus);
        yield return Probe("chunks", Request(BodyMethod, BodyPath, Chunked, "5;name=value\r\nhello\r\n0\r\n\r\n"), BodyStatus);
        yield return Probe("a coding in capitals", Request(BodyMethod, BodyPath, "TRANSFER-ENCODING: CHUNKED\r\n", NoChunks), BodyStatus);
        yield return Probe("a header with every sort of character", Request("GET", "/health/live", "x-1!#$%&'*+.^_`|~: a\tb \"c\"\r\n"), 200);
    }

    [OneTimeSetUp]
    public async Task StartAsync() => api = await ServiceUnderTest.StartApiAloneAsync(port);

    [OneTimeTearDown]
    public async Task StopAsync() => await api.DisposeAsync();

    [TestCaseSource(nameof(Probes))]
    public async Task AnAmbiguousRequestIsTheLastOfItsConnection(string request, int status)
    {
        using var connection = await RawConnection.OpenAsync(port);

        AssertRefused(await connection.ExchangeAsync(request + Smuggled), status);
    }

    [TestCaseSource(nameof(Probes))]
    public async Task AnAmbiguousRequestAfterAGoodOneIsTheLastOfItsConnection(string request, int status)
    {
        using var connection = await RawConnection.OpenAsync(port);
        await LiveAsync(connection);

        AssertRefused(await connection.ExchangeAsync(request + Smuggled), status);
    }

    [TestCaseSource(nameof(ClearRequests))]
    public async Task ARequestAfterAClearOneIsAnswered(string request, int status)
    {
        using var connection = await RawConnection.OpenAsync(port);
        await LiveAsync(connection);

        var answer = await connection.ExchangeAsync(request + Smuggled + Request("GET", "/health/live", "Connection: close\r\n"));

        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { status, 200, 200 }), answer);
    }

    private static IEnumerable<TestCaseData> Lengths()
    {
        yield return Length("two equal lengths", "Content-Length: 5\r\nContent-Length: 5\r\n");
        yield return Length("two lengths", "Content-Length: 5\r\nContent-Length: 0\r\n");
        foreach (var value in new[] { "5, 5", "5,0", "+5", "-5", "-0", "05", "00", "0x5", "5.0", "5 0", "5e0", "", "18446744073709551621", "9223372036854775808", "00000000000000000000000000000005" })
        {
            yield return Length($"length '{value}'", $"Content-Length: {value}\r\n");
        }

        yield return Length("length and coding", $"Content-Length: 5\r\n{Chunked}", NoChunks);
        yield return Length("coding and length", $"{Chunked}Content-Length: 5\r\n", NoChunks);
        yield return Length("length 0 and coding", $"Content-Length: 0\r\n{Chunked}", NoChunks);

        static TestCaseData Length(string name, string headers, string body = "hello") => Probe(name, Request(BodyMethod, BodyPath, headers, body));
    }

    private static IEnumerable<TestCaseData> Codings()
    {
        foreach (var value in new[] { "chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked", "chunked,", ",chunked", "xchunked", "chunkedx", "identity", "", "\"chunked\"", "chunked;q=1", "\vchunked", "chunked\f", "chu nked" })
        {
            yield return Coding($"coding '{value}'", $"Transfer-Encoding: {value}\r\n");
        }

        yield return Coding("two codings", Chunked + Chunked);
        yield return Coding("another coding before", $"Transfer-Encoding: identity\r\n{Chunked}");
        yield return Coding("another coding after", $"{Chunked}Transfer-Encoding: identity\r\n");
        yield return Coding("an empty coding before", $"Transfer-Encoding:\r\n{Chunked}");
        yield return Coding("an empty coding after", $"{Chunked}Transfer-Encoding:\r\n");
        yield return Probe(
            "a coding in HTTP/1.0", $"{BodyMethod} {BodyPath} HTTP/1.0\r\n{Head}Connection: keep-alive\r\n{Chunked}\r\n{NoChunks}");

        static TestCaseData Coding(string name, string headers) => Probe(name, Request(BodyMethod, BodyPath, headers, NoChunks));
    }

    private static IEnumerable<TestCaseData> Lines()
    {
        foreach (var (name, lines) in new[]
        {
            ("a folded line", "X: a\r\n b\r\n"),
            ("a line folded by a tab", "X: a\r\n\tb\r\n"),
            ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n"),
            ("a space before the colon", "X : a\r\n"),
            ("a tab before the colon", "X\t: a\r\n"),
            ("a space after a length's name", "Content-Length : 5\r\n"),
            ("a space after a coding's name", "Transfer-Encoding : chunked\r\n"),
            ("no colon", "X\r\n"),
            ("no name", ": a\r\n"),
            ("NUL in a value", "X: a\0b\r\n"),
            ("NUL in a name", "X\0: a\r\n"),
            ("vertical tab after a length's name", "Content-Length\v: 5\r\n"),
            ("form feed before a coding's name", "\fTransfer-Encoding: chunked\r\n"),
            ("semicolon after a coding's name", "Transfer-Encoding;: chunked\r\n"),
            ("a name in quotes", "\"Content-Length\": 5\r\n"),
            ("CR in a value", "X: a\rb\r\n"),
            ("CR in a name", "X\rY: a\r\n"),
            ("CR for the end of a line", "X: a\rTransfer-Encoding: chunked\r\n"),
            ("CR before the end of a line", "X: a\r\r\n"),
            ("LF for the end of a line", "X: a\nY: b\r\n"),
            ("LF before a coding", "X: a\nTransfer-Encoding: chunked\r\n"),
        })
        {
            yield return Probe(name, Request("GET", "/health/live", lines));
        }

        yield return Probe("LF after the request line", "GET /health/live HTTP/1.1\nHost: a\r\n\r\n");
        yield return Probe("LF for the last line", "GET /health/live HTTP/1.1\r\nHost: a\r\n\n");
        yield return Probe("CR before the last line", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\r\n");
        yield return Probe("LF everywhere", "GET /health/live HTTP/1.1\nHost: a\n\n");
        yield return Probe("the first header folded", "GET /health/live HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n");
        yield return Probe("no version", "GET /health/live\r\n\r\n");
    }

    private static IEnumerable<TestCaseData> Hosts()
    {
        foreach (var (name, hosts) in new[]
        {
            ("no host", ""),
            ("two hosts", "Host: a\r\nHost: b\r\n"),
            ("the same host twice", "Host: a\r\nHost: a\r\n"),
            ("a list of hosts", "Host: a, b\r\n"),
            ("a path in the host", "Host: a/b\r\n"),
            ("a user in the host", "Host: a@b\r\n"),
        })
        {
            yield return Probe(name, $"GET /health/live HTTP/1.1\r\n{hosts}\r\n");
        }

        yield return Probe("another host in the target", "GET http://b/health/live HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    private static IEnumerable<TestCaseData> Chunks(string method, string path, int status)
    {
        foreach (var size in new[] { "-5", "+5", "0x5", "g", "", " 5", "5 ", "5\t", "5,5", "FFFFFFFFFFFFFFFFF", "100000005", "80000000", "000000000000000005", "5\r", "5\0" })
        {
            yield return Chunk($"size '{size}'", $"{size}\r\nhello\r\n0\r\n\r\n");
        }

        yield return Chunk("LF after a size", "5\nhello\r\n0\r\n\r\n");
        yield return Chunk("CR after a size", "5\rhello\r\n0\r\n\r\n");
        yield return Chunk("LF after the data", "5\r\nhello\n0\r\n\r\n");
        yield return Chunk("nothing after the data", "5\r\nhello0\r\n\r\n");
        yield return Chunk("other bytes after the data", "5\r\nhelloXX0\r\n\r\n");
        yield return Chunk("more data than the size", "4\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("LF within an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("CR within an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("CRLF in quotes within an extension", "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("LF after an extension", "5;a\nhello\r\n0\r\n\r\n");
        yield return Chunk("CR CRLF after an extension", "5;a\r\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("LF after the extension of the last chunk", "5\r\nhello\r\n0;a\n\r\n\r\n");
        yield return Chunk("a space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("an extension without end", $"5;{new string('a', TooMuch)}\r\nhello\r\n0\r\n\r\n");
        yield return Chunk("LF after the last chunk", "5\r\nhello\r\n0\n\n");
        yield return Chunk("LF for the last line", "5\r\nhello\r\n0\r\n\n");
        yield return Chunk("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n");
        yield return Chunk("LF after a trailer", "0\r\nX: a\n\r\n");
        yield return Chunk("CR in a trailer", "0\r\nX: a\rb\r\n\r\n");
        yield return Chunk("a trailer with a space before the colon", "0\r\nX : a\r\n\r\n");
        yield return Chunk("a trailer without a colon", "0\r\nX\r\n\r\n");
        yield return Chunk("a trailer whose name is no token", "0\r\nContent-Length\v: 5\r\n\r\n");

        TestCaseData Chunk(string name, string body) => Probe($"{name} of a chunk", Request(method, path, Chunked, body), status);
    }

    private static IEnumerable<TestCaseData> Reads()
    {
        foreach (var method in new[] { "GET", "HEAD" })
        {
            yield return Probe($"{method} with a length", Request(method, "/health/live", "Content-Length: 5\r\n", "hello"));
            yield return Probe($"{method} with chunks", Request(method, "/health/live", Chunked, NoChunks));
            yield return Probe($"{method} whose body is the next request", Request(method, "/health/live", $"Content-Length: {Smuggled.Length}\r\n"));
        }
    }

    private static TestCaseData Probe(string name, string request, int status = BadRequest) =>
        new TestCaseData(request, status).SetArgDisplayNames(name.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\0", "\\0", StringComparison.Ordinal));

    private static string Request(string method, string path, string headers = "", string body = "") =>
        $"{method} {path} HTTP/1.1\r\n{Head}{headers}\r\n{body}";

    private static void AssertRefused(string answer, int status)
    {
        Assert.That(RawConnection.StatusesOf(answer), Is.EqualTo(new[] { status }), answer);
    }

    private static async Task LiveAsync(RawConnection connection)
    {
        using var limit = new CancellationTokenSource(RawConnection.Patience);
        await connection.Stream.WriteAsync(Encoding.Latin1.GetBytes(Live), limit.Token);
        var answer = new StringBuilder();
        var buffer = new byte[4 * 1024];
        while (!answer.ToString().EndsWith(NoChunks, StringComparison.Ordinal))
        {
            var read = await connection.Stream.ReadAsync(buffer, limit.Token);
            Assert.That(read, Is.Positive, answer.ToString());
            answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
    }
}
