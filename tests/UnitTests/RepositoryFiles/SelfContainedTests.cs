using System.Text.RegularExpressions;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>A checkout is complete: no file but the script of one build machine names a folder beside the repository.</summary>
public sealed partial class SelfContainedTests
{
    private static readonly string[] Exempt = [".ci/run"];

    [Test]
    public void NoFileNamesAFolderBesideTheRepository() =>
        Assert.That(
            RepositoryFile.All.Except(Exempt)
                .SelectMany(file => RepositoryFile.Read(file).Split('\n').Select((line, index) => (Place: $"{file}:{index + 1}", Line: line)))
                .Where(entry => Outside().IsMatch(entry.Line)),
            Is.Empty);

    [TestCase("see ../" + "shared/kafka", true)]
    [TestCase("/" + "work/main", true)]
    [TestCase("/workspaces/product-cache", false)]
    [TestCase("deploy/worker.Dockerfile", false)]
    [TestCase("../sharedState", false)]
    public void AFolderBesideTheRepositoryIsRecognised(string line, bool outside) => Assert.That(Outside().IsMatch(line), Is.EqualTo(outside));

    [GeneratedRegex(@"\.{2}/shared\b|(^|[\s""'(=:])/wor[k]\b")]
    private static partial Regex Outside();
}
