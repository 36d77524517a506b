using System.Text.RegularExpressions;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;
using YamlDotNet.RepresentationModel;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>The workflows call only commands, projects, images and targets that exist, with versions that do not move.</summary>
public sealed partial class WorkflowTests
{
    private static readonly string[] Dockerfile = File.ReadAllLines(Repository.PathOf("deploy/Dockerfile"));

    [TestCaseSource(nameof(Workflows))]
    public void AWorkflowMayOnlyReadUnlessAJobSaysMore(string file) =>
        Assert.That(Flat(Load(file)["permissions"]), Is.EqualTo(new[] { ("contents", "read") }));

    [TestCaseSource(nameof(Workflows))]
    public void EveryActionIsPinnedToACommitAndNamesItsVersion(string file)
    {
        var actions = File.ReadAllLines(file).Where(line => line.Contains("uses:", StringComparison.Ordinal)).ToList();

        Assert.That(actions, Is.Not.Empty);
        Assert.That(actions.Where(line => !PinnedAction().IsMatch(line)), Is.Empty);
    }

    [TestCaseSource(nameof(Workflows))]
    public void EveryCommandOfRunExists(string file)
    {
        var commands = RunCommand().Matches(File.ReadAllText(file)).Select(match => match.Groups["command"].Value).ToList();

        Assert.That(commands, Is.Not.Empty);
        Assert.That(commands, Is.SubsetOf(CommandsOfRun()));
    }

    [TestCaseSource(nameof(Workflows))]
    public void EveryFileExists(string file) =>
        Assert.That(
            RepositoryPath().Matches(File.ReadAllText(file)).Select(match => match.Value).Where(path => !File.Exists(Repository.PathOf(path))),
            Is.Empty);

    [TestCaseSource(nameof(Workflows))]
    public void TheImagesThatTestsUseArePulled(string file)
    {
        string[] expected = [Images.Postgres, Images.Redis, Images.Kafka, .. Bases().Distinct()];

        Assert.That(
            PulledImage().Matches(File.ReadAllText(file)).Select(match => match.Groups["image"].Value),
            Is.EquivalentTo(expected));
    }

    [Test]
    public void TheReleaseBuildsEveryTargetOfTheDockerfile()
    {
        var images = Load(Repository.PathOf(".github/workflows/release.yml"))["jobs"]["images"];

        Assert.That(
            ((YamlSequenceNode)images["strategy"]["matrix"]["target"]).Select(node => $"{node}"),
            Is.EquivalentTo(new[] { "api", "worker" }).And.SubsetOf(Stages()));
    }

    [Test]
    public void ComposeBuildsTargetsOfTheDockerfile()
    {
        var services = (YamlMappingNode)Load(Repository.PathOf("deploy/docker-compose.yml"))["services"];
        var builds = services.Children.Values.OfType<YamlMappingNode>().Where(service => service.Children.ContainsKey("build"))
            .Select(service => service["build"])
            .ToList();

        Assert.That(builds.Select(build => $"{build["dockerfile"]}"), Is.All.EqualTo("deploy/Dockerfile"));
        Assert.That(builds.Select(build => $"{build["target"]}"), Is.EquivalentTo(new[] { "api", "worker" }).And.SubsetOf(Stages()));
    }

    [Test]
    public void TheReleasePacksEveryProjectThatIsPackable()
    {
        var packed = PackedProject().Matches(File.ReadAllText(Repository.PathOf(".github/workflows/release.yml")))
            .Select(match => match.Groups["project"].Value);
        var packable = Directory.EnumerateFiles(Repository.PathOf("src"), "*.csproj", SearchOption.AllDirectories)
            .Where(project => File.ReadAllText(project).Contains("<IsPackable>true</IsPackable>", StringComparison.Ordinal))
            .Select(project => Path.GetRelativePath(Repository.Root, project));

        Assert.That(packed, Is.EquivalentTo(packable));
    }

    private static IEnumerable<TestCaseData> Workflows() =>
        Directory.EnumerateFiles(Repository.PathOf(".github/workflows"), "*.yml").Order()
            .Select(file => new TestCaseData(file).SetArgDisplayNames(Path.GetFileName(file)));

    private static YamlNode Load(string file)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(File.ReadAllText(file)));
        return stream.Documents[0].RootNode;
    }

    private static IEnumerable<(string Name, string Value)> Flat(YamlNode node) =>
        ((YamlMappingNode)node).Children.Select(entry => ($"{entry.Key}", $"{entry.Value}"));

    /// <summary>The branches of the last case statement of ./run.</summary>
    private static IEnumerable<string> CommandsOfRun() =>
        BranchOfRun().Matches(File.ReadAllText(Repository.PathOf("run"))).Select(match => match.Groups["command"].Value);

    private static IEnumerable<string> Stages() =>
        Dockerfile.Select(line => Stage().Match(line)).Where(match => match.Success).Select(match => match.Groups["stage"].Value);

    private static IEnumerable<string> Bases() =>
        Dockerfile.Select(line => Stage().Match(line).Groups["base"].Value).Where(name => name.Contains('/', StringComparison.Ordinal));

    [GeneratedRegex(@"^\s*(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")]
    private static partial Regex PinnedAction();

    [GeneratedRegex(@"\./run (?<command>[\w-]+)")]
    private static partial Regex RunCommand();

    [GeneratedRegex(@"\b(src|tests|deploy|bench|docs)/[\w./-]*\w")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex(@"docker pull --quiet (?<image>\S+)")]
    private static partial Regex PulledImage();

    [GeneratedRegex(@"dotnet pack (?<project>\S+)")]
    private static partial Regex PackedProject();

    [GeneratedRegex(@"^  (?<command>[\w-]+)\) ", RegexOptions.Multiline)]
    private static partial Regex BranchOfRun();

    [GeneratedRegex(@"^FROM (?<base>\S+) AS (?<stage>[\w-]+)$")]
    private static partial Regex Stage();
}
