using ProductCache.Cli;
using ProductCache.TestSupport;
using Command = System.CommandLine.Command;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>docs/command-line.md has every verb.</summary>
public sealed class CommandLinePageTests
{
    private static readonly string Page = File.ReadAllText(Repository.PathOf("docs/command-line.md"));

    public static IEnumerable<string> Verbs() => CommandLine.Build().Subcommands.Select(verb => verb.Name);

    [TestCaseSource(nameof(Verbs))]
    public void AVerbHasARow(string name) => Assert.That(Page, Does.Match($@"(?m)^\| `{name}[ `]"));

    [Test]
    public void EveryVerbOfAVerbIsNamed() => Assert.That(
        CommandLine.Build().Subcommands.SelectMany(verb => verb.Subcommands.Select(part => part.Name)).Where(name => !Page.Contains(name, StringComparison.Ordinal)), Is.Empty);

    [Test]
    public void EveryVerbAndOptionHasADescription() => Assert.That(All(CommandLine.Build()).Where(text => string.IsNullOrWhiteSpace(text)), Is.Empty);

    private static IEnumerable<string?> All(Command command) =>
        [command.Description, .. command.Options.Select(option => option.Description), .. command.Arguments.Select(argument => argument.Description), .. command.Subcommands.SelectMany(All)];
}
