using ProductCache.Api.Auth;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api.Auth;

public sealed class KeyCommandTests
{
    [Test]
    public void ItPrintsAKeyAndTheLineThatKnowsIt()
    {
        var (exit, output, errors) = Run("shop", "products:read,cache:admin");

        var (text, line) = (output[0].Split(": ")[1].Trim(), output[1].Split("API_KEYS: ")[1].Trim());
        var key = ApiKeys.Read(TestSettings.Of(("API_KEYS", line))).Find(text)!;
        Assert.That(exit, Is.Zero);
        Assert.That(errors, Is.Empty);
        Assert.That(key.Client, Is.EqualTo("shop"));
        Assert.That(key.Scopes, Is.EqualTo(new[] { Scopes.Read, Scopes.Administer }));
    }

    [TestCase("Usage: key NAME SCOPES")]
    [TestCase("Usage: key NAME SCOPES", "shop")]
    [TestCase("Usage: key NAME SCOPES", "shop", "products:read", "cache:admin")]
    [TestCase("NAME must have 1 to 64 characters of a-z, 0-9 and -.", "My shop", "products:read")]
    [TestCase("The scopes must be a comma-separated list of products:read, products:write, cache:admin", "shop", "read")]
    public void WrongArgumentsAreToldInASentence(string sentence, params string[] args)
    {
        var (exit, output, errors) = Run(args);

        Assert.That(exit, Is.Not.Zero);
        Assert.That(output, Is.Empty);
        Assert.That(errors, Has.Length.EqualTo(1));
        Assert.That(errors[0], Does.StartWith(sentence));
    }

    private static (int Exit, string[] Output, string[] Errors) Run(params string[] args)
    {
        using StringWriter output = new(), errors = new();
        return (KeyCommand.Run(args, output, errors), LinesOf(output), LinesOf(errors));
    }

    private static string[] LinesOf(StringWriter text) => text.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
}
