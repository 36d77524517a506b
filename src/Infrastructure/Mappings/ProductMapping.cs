using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Mappings;

/// <summary>
/// What a product is: a SELECT over tables, in a file of SQL whose header of comments names the type of the ids and the tables to watch. See
/// docs/your-own-tables.md for the notation.
/// </summary>
public sealed partial class ProductMapping
{
    /// <summary>The parameter of the SELECT.</summary>
    public const string IdsParameter = "@ids";

    /// <summary>The parameter of an expansion.</summary>
    public const string KeysParameter = "@keys";

    /// <summary>In bytes.</summary>
    public const int MaxFileLength = 256 * 1024;

    public const int MaxWatches = 64;

    private const string Comment = "--";
    private const string Continuation = "--   ";

    private ProductMapping(string name, ProductIdType idType, string select, EntryFormat format) =>
        (Name, IdType, Select, Format) = (name, idType, select, format);

    /// <summary>The built-in table.</summary>
    public static ProductMapping BuiltIn { get; } = LoadBuiltIn();

    /// <summary>The name of the file.</summary>
    public string Name { get; }

    public ProductIdType IdType { get; }

    /// <summary>The SELECT with <see cref="IdsParameter"/>.</summary>
    public string Select { get; }

    /// <summary>Gives all ids in a column id, and optionally a text to search. Null: products cannot be listed.</summary>
    public string? List { get; private init; }

    /// <summary>How entries are written and read. Its number identifies what the bodies depend on: the SELECT and the type of the ids.</summary>
    public EntryFormat Format { get; }

    /// <summary>Whether the service owns the table. Else the versions are kept beside the tables of another owner.</summary>
    public bool IsBuiltIn => !Format.IsMapped;

    /// <summary>The JSON Schema of the body. Null: the body is any object.</summary>
    public string? Schema { get; private init; }

    internal IReadOnlyList<Watch> Watches { get; private init; } = [];

    /// <summary>The number as in the header of a mapping.</summary>
    public static string TextOf(long number) => ((ulong)number).ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads a mapping.</summary>
    /// <param name="faults">What is wrong, one sentence each.</param>
    public static bool TryParse(string name, string text, [NotNullWhen(true)] out ProductMapping? mapping, out IReadOnlyList<string> faults)
    {
        var parser = new Parser();
        mapping = parser.Parse(name, text);
        faults = parser.Faults;
        return mapping is not null;
    }

    public ProductMapping WithSchema(string? schema) => new(Name, IdType, Select, Format) { List = List, Watches = Watches, Schema = schema };

    private static ProductMapping LoadBuiltIn()
    {
        using var stream = typeof(ProductMapping).Assembly.GetManifestResourceStream("ProductCache.Infrastructure.Postgres.products.sql")!;
        using var reader = new StreamReader(stream);
        return new Parser { IsBuiltIn = true }.Parse("products.sql", reader.ReadToEnd())!;
    }

    private static long NumberOf(ProductIdType idType, string select)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{idType} {select}"));
        return BinaryPrimitives.ReadInt64BigEndian(hash) is not 0 and var number ? number : 1;
    }

    // A line of the header: "-- key: value".
    [GeneratedRegex(@"^-- ?(?<key>[a-z]+):\s+(?<value>.+)$")]
    private static partial Regex HeaderLine();

    // A comment that looks like a line of the header is a mistake. As a comment it would remove a watch, and nothing would report it.
    [GeneratedRegex(@"^--\s*(?<key>id|watch|list|accepts)\s*:", RegexOptions.IgnoreCase)]
    private static partial Regex AlmostHeaderLine();

    // "schema.table (expression)" (the triggers have no search path), then optionally "-> select …".
    [GeneratedRegex(@"^(?<table>(?:""[^""]+""|[\w$]+)\.(?:""[^""]+""|[\w$]+))\s*\((?<expression>.+?)\)\s*(?:->\s*(?<expansion>select\b.+))?$", RegexOptions.IgnoreCase)]
    private static partial Regex WatchValue();

    private sealed class Parser
    {
        private readonly List<string> faults = [];
        private readonly List<Watch> watches = [];
        private readonly List<long> accepted = [];
        private ProductIdType? idType;
        private string? list;

        public bool IsBuiltIn { get; init; }

        public IReadOnlyList<string> Faults => faults;

        public ProductMapping? Parse(string name, string text)
        {
            var lines = text.Split('\n').Select(line => line.TrimEnd()).ToList();
            var first = lines.FindIndex(line => line.Length > 0 && !line.StartsWith(Comment, StringComparison.Ordinal));
            foreach (var (number, key, value) in HeaderOf(first < 0 ? lines : lines[..first]))
            {
                Read(number, key, value);
            }

            for (var i = Math.Max(first, 0); first >= 0 && i < lines.Count; i++)
            {
                if (AlmostHeaderLine().IsMatch(lines[i]))
                {
                    faults.Add($"Line {i + 1}: the header ends where the SELECT begins.");
                }
            }

            var select = first < 0 ? string.Empty : string.Join('\n', lines[first..]).Trim();
            if (idType is null)
            {
                faults.Add($"The header names no type of the ids: -- id: {string.Join(" or ", ProductIdType.All)}.");
            }

            CheckSelect(select);
            if (watches.Count == 0 && !IsBuiltIn)
            {
                faults.Add("The header watches no table: -- watch: schema.table (id).");
            }

            if (faults.Count > 0)
            {
                return null;
            }

            return new ProductMapping(name, idType!, select, IsBuiltIn ? EntryFormat.BuiltIn : EntryFormat.OfMapping(NumberOf(idType!, select), accepted))
            {
                List = list,
                Watches = watches,
            };
        }

        private IEnumerable<(int Number, string Key, string Value)> HeaderOf(List<string> lines)
        {
            (int Number, string Key, string Value)? last = null;
            for (var i = 0; i < lines.Count; i++)
            {
                if (lines[i].StartsWith(Continuation, StringComparison.Ordinal) && last is { } open)
                {
                    last = open with { Value = $"{open.Value} {lines[i][Comment.Length..].Trim()}" };
                    continue;
                }

                if (last is { } complete)
                {
                    yield return complete;
                    last = null;
                }

                if (HeaderLine().Match(lines[i]) is { Success: true } match)
                {
                    last = (i + 1, match.Groups["key"].Value, match.Groups["value"].Value.Trim());
                }
                else if (AlmostHeaderLine().Match(lines[i]) is { Success: true } almost)
                {
                    faults.Add($"Line {i + 1}: a line of the header is '-- {almost.Groups["key"].Value.ToLowerInvariant()}: …', in lower case and with a space before the key and after the colon.");
                }
            }

            if (last is { } end)
            {
                yield return end;
            }
        }

        private void Read(int line, string key, string value)
        {
            switch (key)
            {
                case "id" when idType is not null:
                case "list" when list is not null:
                    faults.Add($"Line {line}: the header has the key '{key}' twice.");
                    break;
                case "id" when ProductIdType.All.FirstOrDefault(type => type.Name == value) is { } type:
                    idType = type;
                    break;
                case "id":
                    faults.Add($"Line {line}: the type of the ids must be {string.Join(" or ", ProductIdType.All)}, not '{value}'.");
                    break;
                case "watch" when WatchValue().Match(value) is { Success: true } match && IsBalanced(match.Groups["expression"].ValueSpan):
                    AddWatch(line, match);
                    break;
                case "watch":
                    faults.Add($"Line {line}: a watch is 'schema.table (expression)', or 'schema.table (key) -> select … {KeysParameter} …', not '{value}'.");
                    break;
                case "list" when value.StartsWith("select", StringComparison.OrdinalIgnoreCase) && !value.Contains(';', StringComparison.Ordinal):
                    list = value;
                    break;
                case "list":
                    faults.Add($"Line {line}: a list is one SELECT without a semicolon, with a column id and optionally a column search.");
                    break;
                case "accepts":
                    ReadAccepted(line, value);
                    break;
                default:
                    faults.Add($"Line {line}: the header has no key '{key}', only id, watch, list and accepts. A comment must not begin with a word and a colon in lower case.");
                    break;
            }
        }

        // Parentheses outside of quotes.
        private static bool IsBalanced(ReadOnlySpan<char> expression)
        {
            var (depth, quote) = (0, '\0');
            foreach (var character in expression)
            {
                if (quote != '\0')
                {
                    quote = character == quote ? '\0' : quote;
                }
                else if (character is '\'' or '"')
                {
                    quote = character;
                }
                else if ((depth += character switch { '(' => 1, ')' => -1, _ => 0 }) < 0)
                {
                    return false;
                }
            }

            return depth == 0 && quote == '\0';
        }

        private void AddWatch(int line, Match match)
        {
            var expansion = match.Groups["expansion"] is { Success: true } group ? group.Value : null;
            if (expansion is not null && !expansion.Contains(KeysParameter, StringComparison.Ordinal))
            {
                faults.Add($"Line {line}: the SELECT after -> does not use {KeysParameter}.");
            }

            if (match.Value.Contains(';', StringComparison.Ordinal))
            {
                faults.Add($"Line {line}: a watch has no semicolon.");
            }

            watches.Add(new Watch(match.Groups["table"].Value, match.Groups["expression"].Value.Trim(), expansion));
            if (watches.Count == MaxWatches + 1)
            {
                faults.Add($"The header watches more than {MaxWatches} tables.");
            }
        }

        private void ReadAccepted(int line, string value)
        {
            if (value.Length == 16 && ulong.TryParse(value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number) && number != 0)
            {
                accepted.Add((long)number);
            }
            else
            {
                faults.Add($"Line {line}: accepts names the number of another mapping, 16 hexadecimal digits, not '{value}'.");
            }
        }

        private void CheckSelect(string select)
        {
            if (!select.StartsWith("select", StringComparison.OrdinalIgnoreCase) && !select.StartsWith("with", StringComparison.OrdinalIgnoreCase))
            {
                faults.Add("After the header, the file must have one SELECT.");
            }
            else if (!select.Contains(IdsParameter, StringComparison.Ordinal))
            {
                faults.Add($"The SELECT does not use {IdsParameter}, so it would read all products each time.");
            }

            if (select.Contains(';', StringComparison.Ordinal))
            {
                faults.Add("The SELECT has a semicolon: the file has one statement, and no semicolon at its end.");
            }
        }
    }
}
