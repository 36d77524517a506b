using System.Globalization;
using System.Security.Cryptography;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Api.Auth;

/// <summary>The configured API keys: API_KEYS, or the content of the file API_KEYS_FILE.</summary>
internal sealed class ApiKeys
{
    public const string Setting = "API_KEYS";
    public const int MaxLines = 1_000;

    /// <summary>Two, so that a client can rotate its key without downtime.</summary>
    public const int MaxKeysOfClient = 2;

    // A placeholder for a missing key, so that the response time does not reveal which clients exist and how many keys they have.
    private static readonly ApiKey Placeholder = new(
        string.Empty, [], RandomNumberGenerator.GetBytes(ApiKey.SaltBytes), RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));

    private readonly Secret source;
    private volatile KeyTable table = new();

    private ApiKeys(Secret source) => this.source = source;

    public int Count => table.Count;

    /// <summary>The file that the keys come from, if any.</summary>
    public IReadOnlyList<string> Files => source.Files;

    /// <summary>One key per line; a semicolon also ends a line. Empty lines and lines that begin with # are ignored.</summary>
    public static ApiKeys Read(Settings settings)
    {
        var keys = new ApiKeys(settings.SecretSource(Setting, string.Empty));
        foreach (var fault in keys.Reload())
        {
            settings.Refuse(fault);
        }

        return keys;
    }

    /// <summary>Reads the keys again. If a line is faulty, the earlier keys stay.</summary>
    /// <returns>The faults, each with its line.</returns>
    public IReadOnlyList<string> Reload()
    {
        List<string> faults = [];
        var lines = source.Value.Split(['\n', ';'], StringSplitOptions.TrimEntries);
        var read = new KeyTable();
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length > 0 && lines[i][0] != '#' && read.Add(lines[i]) is { } fault)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"{source.Setting}, line {i + 1}: {fault}"));
            }
        }

        if (faults.Count == 0)
        {
            table = read;
        }

        return faults;
    }

    public ApiKey? Find(string text)
    {
        if (!ApiKey.TryReadClient(text, out var client))
        {
            return null;
        }

        var (first, second) = table.Find(client);
        var (isFirst, isSecond) = (first.Matches(text), second.Matches(text));
        return isFirst ? first : isSecond ? second : null;
    }

    /// <summary>The keys of each client.</summary>
    private sealed class KeyTable
    {
        private readonly Dictionary<string, (ApiKey First, ApiKey Second)> keys = [];

        public int Count { get; private set; }

        public (ApiKey First, ApiKey Second) Find(string client) => keys.GetValueOrDefault(client, (Placeholder, Placeholder));

        /// <returns>The fault of the line, or null.</returns>
        public string? Add(string line)
        {
            if (Count == MaxLines)
            {
                return $"at most {MaxLines} keys are allowed.";
            }

            if (!ApiKey.TryParse(line, out var key, out var fault))
            {
                return fault;
            }

            var (first, second) = Find(key.Client);
            if (second != Placeholder)
            {
                return $"a client may have at most {MaxKeysOfClient} keys.";
            }

            if (first.Hash.AsSpan().SequenceEqual(key.Hash))
            {
                return "the key is a duplicate.";
            }

            keys[key.Client] = first == Placeholder ? (key, Placeholder) : (first, key);
            Count++;
            return null;
        }
    }
}
