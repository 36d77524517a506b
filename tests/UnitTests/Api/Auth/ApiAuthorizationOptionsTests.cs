using ProductCache.Api.Auth;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api.Auth;

public sealed class ApiAuthorizationOptionsTests
{
    private const string Authority = "https://login.example";

    [Test]
    public void ReadsAreOpenAndNothingElseIsUnlessSettingsSaySo()
    {
        var options = Read();

        Assert.That(options.ReadsAreProtected, Is.False);
        Assert.That(options.Keys.Count, Is.Zero);
        Assert.That(options.Tokens, Is.Null);
    }

    [Test]
    public void ProtectedReadsRequireKeysOrATokenIssuer()
    {
        Assert.That(Read(("API_READS", "protected"), ("API_KEYS", NewApiKey.Create("shop", [Scopes.Read]).Line)).ReadsAreProtected, Is.True);
        Assert.That(Read(("API_READS", "protected"), ("JWT_AUTHORITY", Authority), ("JWT_AUDIENCE", "products")).ReadsAreProtected, Is.True);
        Assert.That(FaultOf(("API_READS", "protected")), Does.StartWith("API_READS is protected, but neither "));
    }

    [Test]
    public void ReadsAreOpenOrProtected() =>
        Assert.That(FaultOf(("API_READS", "closed")), Is.EqualTo("API_READS must be open or protected, not 'closed'."));

    [TestCase("https://login.example/realm", true)]
    [TestCase("http://localhost:8080", false)]
    [TestCase("http://127.0.0.1:8080", false)]
    public void AnAuthorityIsAskedOverHttpsUnlessItIsOnThisMachine(string authority, bool https)
    {
        var tokens = Read(("JWT_AUTHORITY", authority), ("JWT_AUDIENCE", "products")).Tokens!;

        Assert.That(tokens.Authority, Is.EqualTo(new Uri(authority)));
        Assert.That(tokens.RequireHttps, Is.EqualTo(https));
    }

    [TestCase("http://login.example")]
    [TestCase("login.example")]
    [TestCase("/etc/passwd")]
    [TestCase("ftp://localhost")]
    public void AnotherAuthorityIsRefused(string authority) => Assert.That(
        FaultOf(("JWT_AUTHORITY", authority), ("JWT_AUDIENCE", "products")),
        Is.EqualTo($"JWT_AUTHORITY must be an https URL (http only on this machine), not '{authority}'."));

    [TestCase("JWT_AUTHORITY", "JWT_AUDIENCE")]
    [TestCase("JWT_AUDIENCE", "JWT_AUTHORITY")]
    public void AuthorityAndAudienceGoTogether(string given, string missing) =>
        Assert.That(FaultOf((given, Authority)), Is.EqualTo($"JWT_AUTHORITY and JWT_AUDIENCE must be set together: {missing} is missing."));

    private static ApiAuthorizationOptions Read(params IEnumerable<(string Key, string Value)> values)
    {
        var settings = TestSettings.Of(values);
        var options = ApiAuthorizationOptions.Read(settings);
        settings.ThrowIfWrong();
        return options;
    }

    private static string FaultOf(params IEnumerable<(string Key, string Value)> values)
    {
        var settings = TestSettings.Of(values);
        ApiAuthorizationOptions.Read(settings);
        return Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message;
    }
}
