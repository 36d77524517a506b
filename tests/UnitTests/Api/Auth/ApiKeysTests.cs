using System.Security.Cryptography;
using System.Text;
using ProductCache.Api.Auth;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Api.Auth;

public sealed class ApiKeysTests
{
    private const string Salt = "AAECAwQFBgcICQoLDA0ODw";
    private const string Hash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    [Test]
    public void ANewKeyIsFoundByItsTextAndOnlyByThat()
    {
        var (key, other) = (NewApiKey.Create("shop", [Scopes.Read, Scopes.Write]), NewApiKey.Create("shop", [Scopes.Read]));

        var keys = Read(key.Line);

        Assert.That(keys.Find(key.Text)!.Client, Is.EqualTo("shop"));
        Assert.That(keys.Find(key.Text)!.Scopes, Is.EqualTo(new[] { Scopes.Read, Scopes.Write }));
        Assert.That(keys.Find(other.Text), Is.Null);
        Assert.That(keys.Find(key.Text.Replace("pc_shop_", "pc_else_")), Is.Null);
    }

    [Test]
    public void NoTwoKeysAreAlikeAndTheLineDoesNotTellTheSecret()
    {
        var (one, two) = (NewApiKey.Create("shop", Scopes.All), NewApiKey.Create("shop", Scopes.All));

        Assert.That(one.Text, Is.Not.EqualTo(two.Text));
        Assert.That(one.Text, Does.Match("^pc_shop_[A-Za-z0-9_-]{43}$"));
        Assert.That(one.Line, Does.StartWith("shop products:read,products:write,cache:admin sha256:").And.Not.Contain(one.Text["pc_shop_".Length..]));
    }

    // So that lines can be made, and checked, by other means too.
    [Test]
    public void TheHashIsThatOfSaltAndText()
    {
        var salt = Enumerable.Range(0, ApiKey.SaltBytes).Select(i => (byte)i).ToArray();

        Assert.That(ApiKey.HashOf(salt, "pc_shop_x"), Is.EqualTo(SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes("pc_shop_x")])));
    }

    [TestCase("\n")]
    [TestCase("\r\n")]
    [TestCase(";")]
    [TestCase("\n\n# the next one\n")]
    public void LinesEndWithANewlineOrASemicolon(string end)
    {
        var (one, two) = (NewApiKey.Create("one", [Scopes.Read]), NewApiKey.Create("two", [Scopes.Write]));

        var keys = Read($"{one.Line}{end}{two.Line}{end}");

        Assert.That(keys.Find(one.Text)!.Client, Is.EqualTo("one"));
        Assert.That(keys.Find(two.Text)!.Client, Is.EqualTo("two"));
        Assert.That(keys.Count, Is.EqualTo(2));
    }

    [Test]
    public void AClientMayHaveTwoKeysWithScopesOfTheirOwn()
    {
        var (old, next) = (NewApiKey.Create("shop", [Scopes.Read]), NewApiKey.Create("shop", [Scopes.Write]));

        var keys = Read($"{old.Line}\n{next.Line}");

        Assert.That(keys.Find(old.Text)!.Scopes, Is.EqualTo(new[] { Scopes.Read }));
        Assert.That(keys.Find(next.Text)!.Scopes, Is.EqualTo(new[] { Scopes.Write }));
    }

    [TestCase("")]
    [TestCase("pc_")]
    [TestCase("pc__AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    [TestCase("pc_shop_")]
    [TestCase("pc_shopAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    [TestCase("pc_Shop_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    [TestCase("pc_nobody_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    [TestCase("shop")]
    public void WhatIsNoKeyIsNobodys(string text) => Assert.That(Read(NewApiKey.Create("shop", [Scopes.Read]).Line).Find(text), Is.Null);

    // The secret may have underscores itself.
    [Test]
    public void TheClientOfAKeyEndsWhereItsSecretMustBegin()
    {
        Assert.That(ApiKey.TryReadClient($"pc_a-1_{new string('_', 43)}", out var client), Is.True);
        Assert.That(client, Is.EqualTo("a-1"));
    }

    [TestCase("shop", "must have the form")]
    [TestCase($"shop {Scopes.Read}", "must have the form")]
    [TestCase($"shop {Scopes.Read} sha256:{Salt}", "must have the form")]
    [TestCase($"shop {Scopes.Read} md5:{Salt}:{Hash}", "must have the form")]
    [TestCase($"shop {Scopes.Read} sha256:{Salt}:{Hash} more", "must have the form")]
    [TestCase($"sh_op {Scopes.Read} sha256:{Salt}:{Hash}", "the client must have")]
    [TestCase($"Shop {Scopes.Read} sha256:{Salt}:{Hash}", "the client must have")]
    [TestCase($"12345678901234567890123456789012345678901234567890123456789012345 {Scopes.Read} sha256:{Salt}:{Hash}", "the client must have")]
    [TestCase($"shop everything sha256:{Salt}:{Hash}", "scopes must be a comma-separated list of products:read, products:write, cache:admin")]
    [TestCase($"shop {Scopes.Read},{Scopes.Read} sha256:{Salt}:{Hash}", "each at most once")]
    [TestCase($"shop {Scopes.Read}, sha256:{Salt}:{Hash}", "scopes must be")]
    [TestCase($"shop {Scopes.Read} sha256:{Hash}:{Hash}", "salt and hash must be 16 and 32 bytes")]
    [TestCase($"shop {Scopes.Read} sha256:{Salt}:{Salt}", "salt and hash must be")]
    [TestCase($"shop {Scopes.Read} sha256:{Salt}:++ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "salt and hash must be")]
    public void ALineInAnotherFormIsToldByItsNumberAndNotRepeated(string line, string fault)
    {
        var message = FaultOf(("API_KEYS", $"{NewApiKey.Create("other", [Scopes.Read]).Line}\n\n{line}"));

        Assert.That(message, Does.StartWith("API_KEYS, line 3: ").And.Contain(fault));
        Assert.That(message, Does.Not.Contain(Salt).And.Not.Contain(Hash));
    }

    [Test]
    public void AKeyInThePlaceOfItsLineIsNotRepeated()
    {
        var key = NewApiKey.Create("shop", [Scopes.Read]);

        Assert.That(FaultOf(("API_KEYS", key.Text)), Does.StartWith("API_KEYS, line 1: ").And.Not.Contain("pc_"));
    }

    [Test]
    public void AThirdKeyOfAClientIsRefused()
    {
        var lines = Enumerable.Range(0, 3).Select(_ => NewApiKey.Create("shop", [Scopes.Read]).Line);

        Assert.That(FaultOf(("API_KEYS", string.Join(';', lines))), Is.EqualTo("API_KEYS, line 3: a client may have at most 2 keys."));
    }

    [Test]
    public void AKeyThatComesAgainIsRefused()
    {
        var line = NewApiKey.Create("shop", [Scopes.Read]).Line;

        Assert.That(FaultOf(("API_KEYS", $"{line};{line}")), Is.EqualTo("API_KEYS, line 2: the key is a duplicate."));
    }

    [Test]
    public void ThereIsALimitToTheKeys()
    {
        var line = NewApiKey.Create("shop", [Scopes.Read]).Line["shop".Length..];
        var lines = Enumerable.Range(1, ApiKeys.MaxLines + 1).Select(i => $"shop-{i}{line}").ToList();

        Assert.That(Read(string.Join('\n', lines.Take(ApiKeys.MaxLines))).Count, Is.EqualTo(ApiKeys.MaxLines));
        Assert.That(FaultOf(("API_KEYS", string.Join('\n', lines))), Is.EqualTo($"API_KEYS, line {ApiKeys.MaxLines + 1}: at most {ApiKeys.MaxLines} keys are allowed."));
    }

    [Test]
    public void KeysMayComeFromAFileThatFaultsThenName()
    {
        var path = Path.GetTempFileName();
        try
        {
            var key = NewApiKey.Create("shop", [Scopes.Read]);
            File.WriteAllText(path, $"{key.Line}\n");
            Assert.That(ApiKeys.Read(TestSettings.Of(("API_KEYS_FILE", path))).Find(key.Text), Is.Not.Null);

            File.WriteAllText(path, "nothing\n");
            Assert.That(FaultOf(("API_KEYS_FILE", path)), Does.StartWith("API_KEYS_FILE, line 1: "));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void WithoutTheSettingThereAreNoKeys() => Assert.That(Read(string.Empty).Count, Is.Zero);

    private static ApiKeys Read(string text)
    {
        var settings = TestSettings.Of(("API_KEYS", text));
        var keys = ApiKeys.Read(settings);
        settings.ThrowIfWrong();
        return keys;
    }

    private static string FaultOf(params IEnumerable<(string Key, string Value)> values)
    {
        var settings = TestSettings.Of(values);
        ApiKeys.Read(settings);
        return Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message;
    }
}
