using System.Text.RegularExpressions;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>
/// A document that names a file or a type in backticks names one that is there. A path may leave out its beginning (<c>Scripts/common.lua</c>),
/// a member the type that the same line names before it (<c>.MaxAhead</c>).
/// </summary>
public sealed partial class DocumentNamesTests
{
    // Names of others that no code of the repository uses, each with its reason.
    private static readonly Dictionary<string, string> Foreign = new()
    {
        ["MediatR.Contracts"] = "A package that ADR 4 does without.",
        ["HttpConnectionManager"] = "A part of Envoy's configuration.",
        ["Http2ProtocolOptions"] = "A part of Envoy's configuration.",
        ["obj/"] = "A folder that builds make.",
        ["EventSource"] = "An interface of browsers.",
    };

    // A changelog also names what was removed.
    private static readonly string[] Histories = ["CHANGELOG.md"];

    // Without this folder: its tests name what is not there.
    private static readonly Lazy<Names> Repository = new(() => new Names(
        RepositoryFile.All,
        RepositoryFile.Code.Where(file => !file.Contains("/RepositoryFiles/", StringComparison.Ordinal)).Select(RepositoryFile.Read),
        RepositoryFile.All.Where(file => Configuration().IsMatch(file)).Select(RepositoryFile.Read)));

    [TestCaseSource(nameof(Documents))]
    public void ADocumentNamesOnlyFilesAndTypesThatExist(string document) =>
        Assert.That(Repository.Value.MissingIn(RepositoryFile.ReadProse(document)).Where(missing => !Foreign.ContainsKey(missing.Name)), Is.Empty);

    [Test]
    public void EveryForeignNameIsStillNamedAndStillForeign()
    {
        var missing = RepositoryFile.Documents.SelectMany(document => Repository.Value.MissingIn(RepositoryFile.ReadProse(document)));

        Assert.That(Foreign.Keys, Is.SubsetOf(missing.Select(entry => entry.Name).ToHashSet()));
    }

    [TestCase("`src/Gone.cs`", "src/Gone.cs")]
    [TestCase("`Scripts/gone.lua`", "Scripts/gone.lua")]
    [TestCase("`Gone/`", "Gone/")]
    [TestCase("`./gone.sh`", "./gone.sh")]
    [TestCase("`GoneType`", "GoneType")]
    [TestCase("`Gone`", "Gone")]
    [TestCase("`GoneType<T>`", "GoneType<T>")]
    [TestCase("`GoneMethod()`", "GoneMethod()")]
    [TestCase("`Options.Gone`", "Options.Gone")]
    [TestCase("`Options.Limit`, `.Gone`", ".Gone")]
    [TestCase("`ProductCache.Gone`", "ProductCache.Gone")]
    public void ANameThatIsNotThereIsCaught(string text, string missing) =>
        Assert.That(Example().MissingIn($"One line.\n{text}"), Is.EqualTo(new[] { new Missing(2, missing) }));

    [TestCase("`src/Options.cs`, `Options.cs`, `src/*.cs`, `src/`, `./run`, `src`")]
    [TestCase("`Options.Limit`, `.Limit`, `Options`, `Limit`, `Create()`, `Generic<T>`, `ProductCache.Example`")]
    [TestCase("`application/json`, `/health/live`, `product-requests`, `docker compose up`, `CACHE_TTL_SECONDS`, `If-None-Match`, `1,000`")]
    [TestCase("Gone and GoneType without backticks")]
    public void ANameThatIsThereOrNotOfOursIsNot(string text) => Assert.That(Example().MissingIn(text), Is.Empty);

    [Test]
    public void ANameInACommentIsNotThere() =>
        Assert.That(new Names([], ["// Gone\n/// <see cref=\"Gone\" />\nclass Here;"], []).MissingIn("`Gone`"), Is.Not.Empty);

    private static Names Example() => new(
        ["run", "src/Options.cs"],
        ["namespace ProductCache.Example; class Options { int Limit; Options Create(); class Generic<T>; }"],
        []);

    private static IEnumerable<string> Documents() => RepositoryFile.Documents.Except(Histories);

    [GeneratedRegex(@"\.(csproj|props|targets|lua|sql|sh|yml|json|sln)$|(^|/)(run|Dockerfile|\.editorconfig|\.env\.example)$")]
    private static partial Regex Configuration();

    internal sealed record Missing(int Line, string Name);

    internal sealed partial class Names
    {
        private readonly IReadOnlyCollection<string> files;
        private readonly HashSet<string> folders = [];
        private readonly HashSet<string> words = [];
        private readonly ILookup<string, string> declarations;
        private readonly string everything;

        public Names(IEnumerable<string> files, IEnumerable<string> code, IEnumerable<string> configuration)
        {
            this.files = [.. files];
            foreach (var file in this.files)
            {
                for (var slash = file.LastIndexOf('/'); slash > 0; slash = file.LastIndexOf('/', slash - 1))
                {
                    folders.Add(file[..slash]);
                }
            }

            var texts = code.Select(text => Comment().Replace(text, string.Empty)).ToList();
            declarations = texts
                .SelectMany(text => Declaration().Matches(text).Select(match => (Type: match.Groups["name"].Value, Text: text)))
                .ToLookup(declaration => declaration.Type, declaration => declaration.Text);
            everything = string.Join('\n', texts.Concat(configuration));
            words.UnionWith(Word().Matches(everything).Select(match => match.Value));
            words.UnionWith(this.files.Select(file => Path.GetFileName(file).Split('.')[0]));
        }

        public IEnumerable<Missing> MissingIn(string text)
        {
            var line = 0;
            foreach (var content in text.Split('\n'))
            {
                line++;
                string? type = null;
                foreach (var name in Span().Matches(content).Select(match => match.Groups["name"].Value))
                {
                    if (!(IsPath(name) ? HasPath(name) : !Identifier().IsMatch(name) || HasIdentifier(name, ref type)))
                    {
                        yield return new Missing(line, name);
                    }
                }
            }
        }

        /// <summary>Something with slashes that ends as a folder or a file, or begins with a folder of the root; or a file alone.</summary>
        private bool IsPath(string name)
        {
            var path = WithoutDot(name);
            return PathLike().IsMatch(path) || (path != name && !path.Contains(' ', StringComparison.Ordinal))
                || (path.Contains('/', StringComparison.Ordinal) && SlashesOnly().IsMatch(path) && folders.Contains(path.Split('/')[0]));
        }

        private bool HasPath(string name)
        {
            var pattern = new Regex($"(^|/){Regex.Escape(WithoutDot(name).TrimEnd('/')).Replace(@"\*", "[^/]*", StringComparison.Ordinal)}$");
            return files.Concat(folders).Any(file => pattern.IsMatch(file));
        }

        private bool HasIdentifier(string name, ref string? type)
        {
            var parts = TypeArguments().Replace(name.Split('(')[0], string.Empty).TrimStart('.').Split('.');
            if (name[0] == '.')
            {
                return type is null || HasMembers(type, parts);
            }

            if (declarations.Contains(parts[0]))
            {
                type = parts[0];
                return HasMembers(type, parts[1..]);
            }

            return parts.Length > 1 ? everything.Contains(string.Join('.', parts), StringComparison.Ordinal) : words.Contains(parts[0]) || IsVariable(name);
        }

        private bool HasMembers(string type, string[] members) =>
            members.All(member => declarations[type].Any(text => Regex.IsMatch(text, $@"\b{member}\b")));

        private static bool IsVariable(string name) => name.All(character => char.IsAsciiLetterUpper(character) || char.IsAsciiDigit(character) || character == '_');

        private static string WithoutDot(string name) => name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;

        [GeneratedRegex("`(?<name>[^`]+)`")]
        private static partial Regex Span();

        [GeneratedRegex(@"^([\w.*-]+/)+([\w.*-]+\.(cs|csproj|json|lua|md|props|sh|sql|targets|txt|xml|yml|yaml))?$|^[\w*-][\w.*-]*\.(cs|csproj|json|lua|md|props|sh|sql|targets|txt|xml|yml|yaml)$")]
        private static partial Regex PathLike();

        [GeneratedRegex(@"^[\w./*-]+$")]
        private static partial Regex SlashesOnly();

        [GeneratedRegex(@"^\.?[A-Z]\w*(<[\w, ]+>)?(\.[A-Z]\w*(<[\w, ]+>)?)*(\(.*\))?$")]
        private static partial Regex Identifier();

        [GeneratedRegex("<[^>]*>")]
        private static partial Regex TypeArguments();

        [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
        private static partial Regex Comment();

        [GeneratedRegex(@"\b(class|record struct|record class|record|struct|enum|interface|delegate \S+) (?<name>[A-Z]\w*)")]
        private static partial Regex Declaration();

        [GeneratedRegex(@"[A-Za-z_]\w*")]
        private static partial Regex Word();
    }
}
