using System.IO.Compression;
using System.Text;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The scripts of /docs are cached by their first request, which may be any.</summary>
[Category(TestCategories.NoServers)]
public sealed class DocumentationPageTests
{
    [TestCase("gzip, deflate, br, zstd", "identity")]
    [TestCase("identity", "gzip, deflate, br, zstd")]
    public async Task AScriptIsTheSameWhateverItsFirstReaderAccepts(string first, string second)
    {
        var port = TestServer.FreePort();
        await using var api = await ServiceUnderTest.StartApiAloneAsync(port);

        foreach (var path in new[] { "/docs/scalar.js", "/docs/scalar.aspnetcore.js", "/openapi/v1.json" })
        {
            var (one, other) = (await TextAsync(port, path, first), await TextAsync(port, path, second));

            Assert.That(one, Does.Match("^[\\s{/!\"'a-zA-Z(]"), path);
            Assert.That(other, Is.EqualTo(one), path);
        }
    }

    private static async Task<string> TextAsync(int port, string path, string accepted)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}{path}");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        using var answer = await http.SendAsync(request);
        await using var body = await answer.Content.ReadAsStreamAsync();
        Assert.That(answer.Content.Headers.ContentEncoding, Is.EqualTo(accepted == "identity" ? [] : new[] { "gzip" }), path);
        using var reader = new StreamReader(accepted == "identity" ? body : new GZipStream(body, CompressionMode.Decompress), new UTF8Encoding(false, true));
        return await reader.ReadToEndAsync();
    }
}
