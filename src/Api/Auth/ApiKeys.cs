using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Auth;

/// <summary>
/// A key as it is configured. The client sends <c>pc_{client}_{secret}</c>, the secret being 32 random bytes; the service
/// knows only the line
/// <code>
/// client scope[,scope] sha256:{salt}:{hash}
/// </code>
/// with the hash of salt and key text, all bytes in base64url. One round of SHA-256 is enough: what makes the hash of a
/// password slow protects those that can be guessed, and nobody guesses 256 random bits.
/// </summary>
internal sealed record ApiKey(string Client, IReadOnlyList<string> Scopes, byte[] Salt, byte[] Hash)
{
    public const string Prefix = "pc_";
    public const int MaxClientLength = 64;
    public const int SaltBytes = 16;
    public const int SecretBytes = 32;

    private const string Algorithm = "sha256";

    private static readonly int SecretLength = Base64Url.GetEncodedLength(SecretBytes);

    public string Line => $"{Client} {string.Join(',', Scopes)} {Algorithm}:{Base64Url.EncodeToString(Salt)}:{Base64Url.EncodeToString(Hash)}";

    public static byte[] HashOf(byte[] salt, string text) => SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(text)]);

    public bool Fits(string text) => CryptographicOperations.FixedTimeEquals(HashOf(Salt, text), Hash);

    /// <summary>No underscore, which is where the client ends in the text of a key.</summary>
    public static bool IsClient(string text) =>
        text.Length is > 0 and <= MaxClientLength && text.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '-');

    public static bool TryReadClient(string text, out string client)
    {
        client = string.Empty;
        var end = text.Length - SecretLength - 1;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || end <= Prefix.Length || text[end] != '_')
        {
            return false;
        }

        client = text[Prefix.Length..end];
        return IsClient(client);
    }

    /// <param name="fault">What is wrong, without a word of the line: somebody may have put the key itself there.</param>
    public static bool TryParse(string line, [NotNullWhen(true)] out ApiKey? key, out string fault)
    {
        key = null;
        fault = string.Empty;
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not [var client, var scopes, var secret] || secret.Split(':') is not [Algorithm, var saltText, var hashText])
        {
            fault = "a key is written as client scope[,scope] sha256:salt:hash.";
        }
        else if (!IsClient(client))
        {
            fault = $"a client has at most {MaxClientLength} characters of a-z, 0-9 and -.";
        }
        else if (!Auth.Scopes.TryRead(scopes, out var known))
        {
            fault = Auth.Scopes.Rule;
        }
        else if (!TryDecode(saltText, SaltBytes, out var salt) || !TryDecode(hashText, SHA256.HashSizeInBytes, out var hash))
        {
            fault = $"salt and hash are {SaltBytes} and {SHA256.HashSizeInBytes} bytes in base64url.";
        }
        else
        {
            key = new ApiKey(client, known, salt, hash);
        }

        return key is not null;
    }

    private static bool TryDecode(string text, int length, out byte[] bytes)
    {
        bytes = new byte[length];
        return text.Length == Base64Url.GetEncodedLength(length)
            && Base64Url.IsValid(text)
            && Base64Url.TryDecodeFromChars(text, bytes, out var written)
            && written == length;
    }
}

/// <summary>A key that was just made, the only time that its text is known.</summary>
/// <param name="Text">For the client.</param>
/// <param name="Line">For API_KEYS.</param>
public sealed record NewApiKey(string Text, string Line)
{
    /// <exception cref="ArgumentException">The client is none, or there is no scope.</exception>
    public static NewApiKey Create(string client, IReadOnlyList<string> scopes)
    {
        if (!ApiKey.IsClient(client) || scopes.Count == 0)
        {
            throw new ArgumentException("A key needs a client and a scope.");
        }

        var text = $"{ApiKey.Prefix}{client}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(ApiKey.SecretBytes))}";
        var salt = RandomNumberGenerator.GetBytes(ApiKey.SaltBytes);
        return new NewApiKey(text, new ApiKey(client, scopes, salt, ApiKey.HashOf(salt, text)).Line);
    }
}

/// <summary>The keys that are configured: API_KEYS, or the file that API_KEYS_FILE names.</summary>
internal sealed class ApiKeys
{
    public const string Setting = "API_KEYS";
    public const int MaxLines = 1_000;

    /// <summary>So that a client can take up its next key before the last one ends.</summary>
    public const int MaxKeysOfClient = 2;

    // Stands where there is no key, so that nobody can tell by the time of an answer who has how many.
    private static readonly ApiKey Nobody = new(
        string.Empty, [], RandomNumberGenerator.GetBytes(ApiKey.SaltBytes), RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));

    private readonly Dictionary<string, (ApiKey First, ApiKey Second)> keys = [];

    public int Count { get; private set; }

    /// <summary>One key a line; a semicolon ends a line too. Empty lines and those that begin with # are nobody's.</summary>
    public static ApiKeys Read(Settings settings)
    {
        var name = settings.Text($"{Setting}_FILE", string.Empty).Length > 0 ? $"{Setting}_FILE" : Setting;
        var lines = settings.Secret(Setting, string.Empty).Split(['\n', ';'], StringSplitOptions.TrimEntries);
        var keys = new ApiKeys();
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length > 0 && lines[i][0] != '#' && keys.Add(lines[i]) is { } fault)
            {
                settings.Refuse(string.Create(CultureInfo.InvariantCulture, $"{name}, line {i + 1}: {fault}"));
            }
        }

        return keys;
    }

    public ApiKey? Find(string text)
    {
        if (!ApiKey.TryReadClient(text, out var client))
        {
            return null;
        }

        var (first, second) = keys.GetValueOrDefault(client, (Nobody, Nobody));
        var (fitsFirst, fitsSecond) = (first.Fits(text), second.Fits(text));
        return fitsFirst ? first : fitsSecond ? second : null;
    }

    /// <returns>What is wrong with the line, or null.</returns>
    private string? Add(string line)
    {
        if (Count == MaxLines)
        {
            return $"there are more than {MaxLines} keys.";
        }

        if (!ApiKey.TryParse(line, out var key, out var fault))
        {
            return fault;
        }

        var (first, second) = keys.GetValueOrDefault(key.Client, (Nobody, Nobody));
        if (second != Nobody)
        {
            return $"a client has at most {MaxKeysOfClient} keys.";
        }

        if (first.Hash.AsSpan().SequenceEqual(key.Hash))
        {
            return "the key is there already.";
        }

        keys[key.Client] = first == Nobody ? (key, Nobody) : (first, key);
        Count++;
        return null;
    }
}
