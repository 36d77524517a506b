using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>Files of the Api's own certificate and keys are replaced while it runs.</summary>
[Category(TestCategories.NoServers)]
public sealed class RotationTests
{
    private readonly int port = TestServer.FreePort();
    private readonly TestCertificates certificates = new();
    private readonly NewApiKey first = NewApiKey.Create("operator", [Scopes.Administer]);
    private string certificate = null!;
    private string key = null!;
    private string keys = null!;
    private ServiceUnderTest api = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        (certificate, key, keys) = (PathOf("served.pem"), PathOf("served.key"), PathOf("keys"));
        await File.WriteAllTextAsync(keys, first.Line);
        Serve("first");
        api = await ServiceUnderTest.StartApiAloneAsync(
            port, ("API_TLS_CERT_FILE", certificate), ("API_TLS_KEY_FILE", key), ("API_KEYS_FILE", keys));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await api.DisposeAsync();
        certificates.Dispose();
    }

    [Test]
    public async Task TheNextHandshakeHasTheNewCertificateOnceItFitsItsKey()
    {
        Assert.That(await SubjectAsync(), Is.EqualTo("CN=first"));

        var second = certificates.Issue("second");
        File.Copy(second.Certificate, certificate, overwrite: true);
        Assert.That(await SubjectAsync(), Is.EqualTo("CN=first"), "The key is still the earlier one.");

        File.Copy(second.Key, key, overwrite: true);
        Assert.That(await SubjectAsync(), Is.EqualTo("CN=second"));
    }

    [Test]
    public async Task AKeyIsAddedAndRevokedAndAFaultyFileChangesNothing()
    {
        var second = NewApiKey.Create("operator", [Scopes.Administer]);
        Assert.That(await MetricsAsync(second), Is.EqualTo(HttpStatusCode.Unauthorized));

        await File.WriteAllTextAsync(keys, $"{first.Line}\n{second.Line}");
        await Eventually.TrueAsync(async () => await MetricsAsync(second) == HttpStatusCode.OK);

        await File.WriteAllTextAsync(keys, "operator cache:admin\n");
        await Eventually.TrueAsync(() => api.Output.Contains("API_KEYS_FILE, line 1: the line must have the form", StringComparison.Ordinal));
        Assert.That(await MetricsAsync(first), Is.EqualTo(HttpStatusCode.OK));

        await File.WriteAllTextAsync(keys, second.Line);
        await Eventually.TrueAsync(async () => await MetricsAsync(first) == HttpStatusCode.Unauthorized);
        Assert.That(await MetricsAsync(second), Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task<string?> SubjectAsync()
    {
        string? subject = null;
        using var connection = await RawConnection.OpenAsync(port);
        await using var tls = new SslStream(connection.Stream, false, (_, shown, _, _) => (subject = shown?.Subject) is not null);
        await tls.AuthenticateAsClientAsync("localhost");
        return subject;
    }

    // A header of a proxy, so that the request does not count as one of this machine.
    private async Task<HttpStatusCode> MetricsAsync(NewApiKey apiKey)
    {
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://localhost:{port}/metrics")
        {
            Headers = { { "Via", "1.1 proxy" } },
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", apiKey.Text);
        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }

    private void Serve(string name)
    {
        var pair = certificates.Issue(name);
        File.Copy(pair.Certificate, certificate, overwrite: true);
        File.Copy(pair.Key, key, overwrite: true);
    }

    private string PathOf(string name) => Path.Combine(certificates.Folder, name);
}
