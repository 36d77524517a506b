using System.Text.RegularExpressions;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>Links between the documents lead to a file, a folder or a heading that is there, and none leads out of the repository.</summary>
public sealed partial class LinkTests
{
    [TestCaseSource(typeof(RepositoryFile), nameof(RepositoryFile.Documents))]
    public void EveryLinkOfADocumentResolves(string document) => Assert.That(Broken(document, RepositoryFile.ReadProse(document)), Is.Empty);

    [TestCase("[a](gone.md)", "gone.md")]
    [TestCase("[a](docs/architecture.md#gone)", "docs/architecture.md#gone")]
    [TestCase("[a](#gone)", "#gone")]
    [TestCase("[a](../outside.md)", "../outside.md")]
    [TestCase("[a]: gone.md", "gone.md")]
    public void ALinkThatLeadsNowhereIsCaught(string text, string target) =>
        Assert.That(Broken("README.md", text), Is.EqualTo(new[] { target }));

    [TestCase("What is *checked* exhaustively", "what-is-checked-exhaustively")]
    [TestCase("The rider's guarantees", "the-riders-guarantees")]
    [TestCase("`./run` and [links](x.md)", "run-and-links")]
    [TestCase("A, b & c_d", "a-b--c_d")]
    public void AHeadingHasTheAnchorThatGitHubGivesIt(string heading, string anchor) => Assert.That(AnchorOf(heading), Is.EqualTo(anchor));

    private static IEnumerable<string> Broken(string document, string text) =>
        Link().Matches(text).Select(match => match.Groups["target"].Value).Where(target => !IsForeign(target) && !Resolves(document, target));

    private static bool IsForeign(string target) => Scheme().IsMatch(target);

    private static bool Resolves(string document, string target)
    {
        var (path, anchor) = target.Split('#') is [var before, var after] ? (before, after) : (target, null);
        var file = path.Length == 0
            ? Repository.PathOf(document)
            : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Repository.PathOf(document))!, path));
        if (!file.StartsWith(Repository.Root + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !(File.Exists(file) || Directory.Exists(file)))
        {
            return false;
        }

        return anchor is null || Heading().Matches(RepositoryFile.ReadProse(Path.GetRelativePath(Repository.Root, file)))
            .Any(heading => AnchorOf(heading.Groups["text"].Value) == anchor);
    }

    private static string AnchorOf(string heading) =>
        NotInAnchors().Replace(LinkText().Replace(heading, "${text}").Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-');

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)|^\[[^\]]+\]:\s*(?<target>\S+)", RegexOptions.Multiline)]
    private static partial Regex Link();

    [GeneratedRegex("^([a-z]+:|/)")]
    private static partial Regex Scheme();

    [GeneratedRegex(@"^#{1,6} (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
