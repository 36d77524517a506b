using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace ProductCache.Infrastructure.Security;

/// <summary>
/// A configured API key. The client sends <c>pc_{client}_{secret}</c>, where the secret is 32 random bytes. The service stores only
/// the line
/// <code>
/// client scope[,scope] sha256:{salt}:{hash}
/// </code>
/// with the hash of salt and key text, in base64url. One round of SHA-256 is enough: slow hashes protect secrets that can be guessed,
/// and 256 random bits cannot be guessed.
/// </summary>
public sealed record ApiKey(string Client, IReadOnlyList<string> Scopes, byte[] Salt, byte[] Hash)
{
    public const string Prefix = "pc_";
    public const int MaxClientLength = 64;
    public const int SaltBytes = 16;
    public const int SecretBytes = 32;

    private const string Algorithm = "sha256";

    private static readonly int SecretLength = Base64Url.GetEncodedLength(SecretBytes);

    public string Line => $"{Client} {string.Join(',', Scopes)} {Algorithm}:{Base64Url.EncodeToString(Salt)}:{Base64Url.EncodeToString(Hash)}";

    public static byte[] HashOf(byte[] salt, string text) => SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(text)]);

    public bool Matches(string text) => CryptographicOperations.FixedTimeEquals(HashOf(Salt, text), Hash);

    /// <summary>A client name has no underscore, because an underscore ends it in the text of a key.</summary>
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

    /// <param name="fault">The fault, without text of the line, because the line may contain the secret by mistake.</param>
    public static bool TryParse(string line, [NotNullWhen(true)] out ApiKey? key, out string fault)
    {
        key = null;
        fault = string.Empty;
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not [var client, var scopes, var secret] || secret.Split(':') is not [Algorithm, var saltText, var hashText])
        {
            fault = "the line must have the form: client scope[,scope] sha256:salt:hash.";
        }
        else if (!IsClient(client))
        {
            fault = $"the client must have 1 to {MaxClientLength} characters of a-z, 0-9 and -.";
        }
        else if (!Security.Scopes.TryRead(scopes, out var known))
        {
            fault = Security.Scopes.Rule;
        }
        else if (!TryDecode(saltText, SaltBytes, out var salt) || !TryDecode(hashText, SHA256.HashSizeInBytes, out var hash))
        {
            fault = $"salt and hash must be {SaltBytes} and {SHA256.HashSizeInBytes} bytes in base64url.";
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

/// <summary>A new API key. Its text is not stored anywhere.</summary>
/// <param name="Text">For the client.</param>
/// <param name="Line">For API_KEYS.</param>
public sealed record NewApiKey(string Text, string Line)
{
    /// <summary>For a command line: what a person typed, and what is printed.</summary>
    /// <param name="fault">Which argument is wrong, in one sentence.</param>
    public static bool TryCreate(string client, string scopes, [NotNullWhen(true)] out NewApiKey? key, [NotNullWhen(false)] out string? fault)
    {
        (key, fault) = (null, null);
        if (!ApiKey.IsClient(client))
        {
            fault = $"NAME must have 1 to {ApiKey.MaxClientLength} characters of a-z, 0-9 and -.";
        }
        else if (!Security.Scopes.TryRead(scopes, out var known))
        {
            fault = $"The {Security.Scopes.Rule}";
        }
        else
        {
            key = Create(client, known);
        }

        return fault is null;
    }

    /// <summary>What <see cref="TryCreate"/> prints.</summary>
    public string ToLines() => $"Key, shown only here:  {Text}{Environment.NewLine}Line for API_KEYS:     {Line}";

    /// <exception cref="ArgumentException">The client name is invalid, or there is no scope.</exception>
    public static NewApiKey Create(string client, IReadOnlyList<string> scopes)
    {
        if (!ApiKey.IsClient(client) || scopes.Count == 0)
        {
            throw new ArgumentException("A key requires a valid client name and at least one scope.");
        }

        var text = $"{ApiKey.Prefix}{client}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(ApiKey.SecretBytes))}";
        var salt = RandomNumberGenerator.GetBytes(ApiKey.SaltBytes);
        return new NewApiKey(text, new ApiKey(client, scopes, salt, ApiKey.HashOf(salt, text)).Line);
    }
}
