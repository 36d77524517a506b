using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.UnitTests.Api.Auth;

/// <summary>Routes that require a scope, on a server of their own; EndToEndTests has those of the service.</summary>
public sealed class ApiAuthorizationTests
{
    private static readonly NewApiKey Reader = NewApiKey.Create("reader", [Scopes.Read]);
    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);
    private static readonly NewApiKey Administrator = NewApiKey.Create("administrator", [Scopes.Administer]);
    private static readonly string Unknown = NewApiKey.Create("writer", Scopes.All).Text;
    private static readonly (string Key, string Value) Keys = ("API_KEYS", $"{Reader.Line}\n{Writer.Line}\n{Administrator.Line}");

    private static readonly Dictionary<string, Func<TestAuthority, string>> Wrong = new()
    {
        ["expired"] = of => of.Token(("exp", TestAuthority.FromNow(minutes: -2))),
        ["not yet valid"] = of => of.Token(("nbf", TestAuthority.FromNow(minutes: 10))),
        ["without an end"] = of => of.Token(("exp", null)),
        ["for another audience"] = of => of.Token(("aud", "others")),
        ["for no audience"] = of => of.Token(("aud", null)),
        ["of another issuer"] = of => of.Token(("iss", "https://elsewhere.example")),
        ["of no issuer"] = of => of.Token(("iss", null)),
        ["of nobody"] = of => of.Token(("sub", null)),
        ["of a client with a NUL"] = of => of.Token(("client_id", "a\0b")),
        ["of a client with a line feed"] = of => of.Token(("client_id", "a\nb")),
        ["of a client with a long name"] = of => of.Token(("client_id", new string('a', 5_000))),
        ["of a subject with a long name"] = of => of.Token(("sub", new string('a', 256))),
        ["with a critical extension"] = of => of.TokenWithHeader(("crit", new[] { "exp" })),
        ["of another type"] = of => of.TokenWithHeader(("typ", "logout+jwt")),
        ["not signed"] = of => of.UnsignedToken(),
        ["signed with another key"] = of => of.TokenOfAnotherKey(),
        ["signed with the public key"] = of => of.TokenSignedWithThePublicKey(),
        ["cut off"] = of => of.Token()[..^4],
        ["no token"] = _ => "abc",
        ["three parts of nothing"] = _ => "a.b.c",
        ["five parts of nothing"] = _ => "a.b.c.d.e",
        ["a key that is none"] = _ => "pc_writer_x",
        ["a key that is unknown"] = _ => Unknown,
    };

    private readonly RecordedLog log = new();

    private TestAuthority authority = null!;
    private WebApplication open = null!;
    private WebApplication protectedReads = null!;
    private HttpClient http = null!;

    public static IEnumerable<string> WrongCredentials() => Wrong.Keys;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        authority = await TestAuthority.StartAsync();
        (string, string)[] tokens = [("JWT_AUTHORITY", authority.Issuer), ("JWT_AUDIENCE", TestAuthority.Audience)];
        open = await StartAsync([Keys, .. tokens]);
        protectedReads = await StartAsync([Keys, .. tokens, ("API_READS", "protected")]);
        http = new HttpClient();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        http.Dispose();
        await protectedReads.DisposeAsync();
        await open.DisposeAsync();
        await authority.DisposeAsync();
    }

    [Test]
    public async Task EachPolicyWantsItsScopeAndAnyScopeMayRead()
    {
        string[] routes = ["/read", "/write", "/administer"];
        Dictionary<string, int[]> expected = new()
        {
            [Reader.Text] = [200, 403, 403],
            [Writer.Text] = [200, 200, 403],
            [Administrator.Text] = [200, 403, 200],
            [authority.Token()] = [200, 200, 403],
            [authority.Token(("scope", "cache:admin"))] = [200, 403, 200],
            [authority.Token(("scope", "email"))] = [403, 403, 403],
            [authority.Token(("scope", null))] = [403, 403, 403],
            [Unknown] = [401, 401, 401],
            [string.Empty] = [401, 401, 401],
        };

        foreach (var (credential, statuses) in expected)
        {
            foreach (var (route, status) in routes.Zip(statuses))
            {
                using var answer = await AskAsync(protectedReads, route, credential);
                Assert.That((int)answer.StatusCode, Is.EqualTo(status), $"{route} with {credential}");
            }
        }
    }

    [TestCase("scp", "products:write email")]
    [TestCase("scope", "email products:write")]
    public async Task ScopesAreReadFromEitherClaim(string claim, string text)
    {
        using var one = await AskAsync(open, "/write", authority.Token(("scope", null), (claim, text)));
        using var several = await AskAsync(open, "/write", authority.Token(("scope", null), (claim, text.Split(' '))));

        Assert.That(one.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(several.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task TheClientIsTheOneOfTheKeyOrOfTheToken()
    {
        Assert.That(await ClientAsync(Writer.Text), Is.EqualTo("writer"));
        Assert.That(await ClientAsync(authority.Token()), Is.EqualTo("jwt:sub:somebody"));
        Assert.That(await ClientAsync(authority.Token(("client_id", "writer"))), Is.EqualTo("jwt:client:writer"));
        Assert.That(await ClientAsync(authority.Token(("azp", "writer"))), Is.EqualTo("jwt:client:writer"));
        Assert.That(await ClientAsync(authority.Token(("sub", "writer"))), Is.EqualTo("jwt:sub:writer"));

        async Task<string> ClientAsync(string credential)
        {
            using var answer = await AskAsync(open, "/write", credential);
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [TestCase("at+jwt")]
    [TestCase("AT+JWT")]
    [TestCase("JWT")]
    [TestCase(null)]
    public async Task AnAccessTokenMaySayWhatItIs(string? type)
    {
        using var answer = await AskAsync(open, "/write", authority.TokenWithHeader(("typ", type)));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCaseSource(nameof(WrongCredentials))]
    public async Task AWrongCredentialIsRefusedWithoutAWordWhy(string sort)
    {
        using var answer = await AskAsync(open, "/write", Wrong[sort](authority));

        await IsProblemAsync(answer, HttpStatusCode.Unauthorized, "wrong-credential");
        Assert.That(answer.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Bearer error=\"invalid_token\""));
    }

    [TestCase(null)]
    [TestCase("Basic d3JpdGVyOndyaXRlcg==")]
    [TestCase("Bearer")]
    public async Task WithoutACredentialOneIsAskedFor(string? header)
    {
        using var answer = await SendAsync(open, "/write", header);

        await IsProblemAsync(answer, HttpStatusCode.Unauthorized, "no-credential");
        Assert.That(answer.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Bearer"));
    }

    [TestCase("/write", "products:write")]
    [TestCase("/administer", "cache:admin")]
    public async Task AMissingScopeIsNamed(string route, string scope)
    {
        using var answer = await AskAsync(open, route, Reader.Text);

        await IsProblemAsync(answer, HttpStatusCode.Forbidden, "missing-scope");
        Assert.That(answer.Headers.WwwAuthenticate.ToString(), Is.EqualTo($"Bearer error=\"insufficient_scope\", scope=\"{scope}\""));
    }

    [TestCase("/read")]
    [TestCase("/open")]
    public async Task AnOpenReadIsNotAuthenticated(string route)
    {
        foreach (var credential in new[] { string.Empty, Unknown, Writer.Text, "abc" })
        {
            using var answer = await AskAsync(open, route, credential);

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("nobody"));
            Assert.That(answer.Headers.CacheControl!.ToString(), Is.EqualTo("public, max-age=600, s-maxage=900"));
            Assert.That(answer.Headers.Contains("Authenticated"), Is.False);
        }
    }

    [Test]
    public async Task NoSharedCacheMayKeepWhatNeededACredential()
    {
        using var answer = await AskAsync(protectedReads, "/read", Reader.Text);

        Assert.That(answer.Headers.CacheControl!.ToString(), Is.EqualTo("max-age=600, private"));
        Assert.That(answer.Headers.Contains("CDN-Cache-Control"), Is.False);
    }

    [Test]
    public async Task AnAuthorityThatIsDownIsNotTheFaultOfTheToken()
    {
        await using var alone = await StartAsync(
            [Keys, ("JWT_AUTHORITY", $"http://127.0.0.1:{TestServer.FreePort()}"), ("JWT_AUDIENCE", TestAuthority.Audience)]);

        using var token = await AskAsync(alone, "/write", authority.Token());
        using var key = await AskAsync(alone, "/write", Writer.Text);

        await IsProblemAsync(token, HttpStatusCode.ServiceUnavailable, "authority-unavailable");
        Assert.That(token.Headers.RetryAfter!.ToString(), Is.EqualTo("1"));
        Assert.That(key.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task WithoutAnAuthorityATokenIsAWrongCredential()
    {
        await using var alone = await StartAsync([Keys]);

        using var answer = await AskAsync(alone, "/write", authority.Token());

        await IsProblemAsync(answer, HttpStatusCode.Unauthorized, "wrong-credential");
    }

    [Test]
    public async Task NoLineOfTheLogHasACredential()
    {
        // Each on a server of its own, since one client has one line in a while.
        string[] credentials = [Writer.Text, Unknown, authority.Token(), authority.UnsignedToken(), "secret-of-nobody"];
        foreach (var credential in credentials)
        {
            await using var host = await StartAsync([Keys, ("JWT_AUTHORITY", authority.Issuer), ("JWT_AUDIENCE", TestAuthority.Audience)]);
            using var answer = await AskAsync(host, "/administer?line=%0Aforged", credential);
        }

        Assert.That(log.Lines, Has.Some.StartsWith("Request rejected (wrong_credential): HTTP: POST /administer"));
        Assert.That(log.Lines, Has.None.Matches<string>(line => credentials.Any(line.Contains) || line.Contains("forged")));
    }

    private static async Task IsProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string name)
    {
        Assert.That(answer.StatusCode, Is.EqualTo(status));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        Assert.That(answer.Headers.CacheControl!.NoStore, Is.True);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.That(problem.GetProperty("type").GetString(), Is.EqualTo($"/problems/{name}"));
        Assert.That(problem.GetProperty("traceId").GetString(), Is.Not.Empty);
    }

    private static string Answer(HttpContext context)
    {
        (context.Response.Headers.CacheControl, context.Response.Headers["CDN-Cache-Control"]) = ("public, max-age=600, s-maxage=900", "max-age=900");
        if (context.Features.Get<IAuthenticationFeature>() is not null || context.Features.Get<IAuthenticateResultFeature>() is not null
            || context.Items.Count > 0)
        {
            context.Response.Headers["Authenticated"] = "yes";
        }

        return ApiAuthorization.ClientOf(context) ?? "nobody";
    }

    private async Task<WebApplication> StartAsync(IEnumerable<(string Key, string Value)> values)
    {
        var settings = TestSettings.Of(values);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting", LogLevel.None).AddFilter("Microsoft.AspNetCore.Routing", LogLevel.None);
        builder.Services.AddApiAuthorization(ApiAuthorizationOptions.Read(settings));
        builder.Services.AddProblems();
        settings.ThrowIfWrong();
        var host = builder.Build();
        host.UseApiAuthorization();
        host.MapGet("/open", Answer);
        host.MapMethods("/read", ["GET", "POST"], Answer).RequireRead();
        host.MapPost("/write", Answer).RequireWrite();
        host.MapPost("/administer", Answer).RequireAdminister();
        await host.StartAsync();
        return host;
    }

    private Task<HttpResponseMessage> AskAsync(WebApplication host, string route, string credential) =>
        SendAsync(host, route, credential.Length == 0 ? null : $"Bearer {credential}");

    private async Task<HttpResponseMessage> SendAsync(WebApplication host, string route, string? authorization)
    {
        using var request = new HttpRequestMessage(route == "/open" ? HttpMethod.Get : HttpMethod.Post, $"{host.Urls.Single()}{route}");
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return await http.SendAsync(request);
    }
}
