using System.Globalization;
using System.Text.RegularExpressions;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>Each decision in docs/adr has a number, a status and a date, and stands in the index with them.</summary>
public sealed partial class DecisionRecordTests
{
    private const string Folder = "docs/adr/";
    private const string Index = Folder + "README.md";

    private static IEnumerable<string> Records { get; } =
        RepositoryFile.Documents.Where(file => file.StartsWith(Folder, StringComparison.Ordinal) && file != Index);

    [TestCaseSource(nameof(Records))]
    public void ADecisionHasANumberAStatusAndADate(string file)
    {
        var record = Head().Match(RepositoryFile.Read(file));

        Assert.That(record.Success, Is.True, "The file begins with '# N. Title', an empty line, '- Status: accepted' and '- Date: yyyy-mm-dd'.");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.GetFileName(file), Does.StartWith($"{int.Parse(record.Groups["number"].Value, CultureInfo.InvariantCulture):D4}-"));
            Assert.That(record.Groups["status"].Value, Does.Match(@"^(accepted|superseded by \[ADR \d+\]\(\d{4}-[\w-]+\.md\))$"));
            Assert.That(DateOnly.TryParseExact(record.Groups["date"].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _), Is.True);
        }
    }

    [Test]
    public void TheIndexHasEveryDecisionWithItsTitleStatusAndDateInOrder()
    {
        var expected = Records.Select(file => (File: Path.GetFileName(file), Head: Head().Match(RepositoryFile.Read(file)).Groups))
            .Select(record => $"| {record.Head["number"]} | [{record.Head["title"]}]({record.File}) | {record.Head["status"]} | {record.Head["date"]} |");

        Assert.That(RepositoryFile.Read(Index).Split('\n').Where(line => Row().IsMatch(line)), Is.EqualTo(expected));
    }

    [Test]
    public void NumbersAreUsedOnce() =>
        Assert.That(Records.Select(file => Path.GetFileName(file)[..4]), Is.Unique.And.Not.Empty);

    [GeneratedRegex(@"\A# (?<number>\d+)\. (?<title>.+)\n\n- Status: (?<status>.+)\n- Date: (?<date>.+)\n")]
    private static partial Regex Head();

    [GeneratedRegex(@"^\| \d+ \|")]
    private static partial Regex Row();
}
