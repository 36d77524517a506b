using ProductCache.Api;

namespace ProductCache.UnitTests.Api;

public sealed class RootTests
{
    [TestCase("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Description = "Firefox and Chrome")]
    [TestCase("text/html")]
    [TestCase("text/*, application/*;q=0.5")]
    [TestCase("TEXT/HTML;q=0.2, application/json;q=0.1")]
    [TestCase("*/*, application/json;q=0.5")]
    public void ABrowserIsSentToThePage(string accept) => Assert.That(Root.PrefersHtml(accept), Is.True);

    [TestCase(null)]
    [TestCase("")]
    [TestCase("*/*")]
    [TestCase("application/json")]
    [TestCase("application/json, text/html")]
    [TestCase("text/html;q=0, */*")]
    [TestCase("text/html;q=x, */*;q=0.1")]
    [TestCase("text/plain, */*;q=0.5")]
    [TestCase("nonsense, ;;, \"")]
    public void AnotherClientGetsJson(string? accept) => Assert.That(Root.PrefersHtml(accept), Is.False);
}
