using System.Globalization;
using System.Text.RegularExpressions;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>
/// Lines of C# are no longer than .editorconfig says. What stands in a string does not count: a sentence that users read, a statement of SQL or a
/// document of JSON stays in one piece, so that a search finds it.
/// </summary>
public sealed partial class LineLengthTests
{
    private static readonly int Limit = int.Parse(
        Setting().Match(RepositoryFile.Read(".editorconfig")).Groups["limit"].Value, CultureInfo.InvariantCulture);

    [Test]
    public void NoLineIsLongerThanTheLimit() =>
        Assert.That(
            RepositoryFile.Code.Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal))
                .SelectMany(file => RepositoryFile.Read(file).Split('\n').Select((line, index) => (Place: $"{file}:{index + 1}", Length: LengthOf(line))))
                .Where(line => line.Length > Limit),
            Is.Empty);

    [TestCase("var a = 1;", 10)]
    [TestCase("""Throw("a sentence");""", 10)]
    [TestCase("""Throw("an \" inside");""", 10)]
    [TestCase("""Read($"{a}", "b");""", 14)]
    [TestCase("""// Say "no".""", 10)]
    public void WhatStandsInAStringDoesNotCount(string line, int length) => Assert.That(LengthOf(line), Is.EqualTo(length));

    private static int LengthOf(string line) => Text().Replace(line, "\"\"").Length;

    [GeneratedRegex("\"(\\\\.|[^\"\\\\])*\"")]
    private static partial Regex Text();

    [GeneratedRegex(@"^max_line_length = (?<limit>\d+)$", RegexOptions.Multiline)]
    private static partial Regex Setting();
}
