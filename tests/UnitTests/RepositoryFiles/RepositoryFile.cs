using System.Text.RegularExpressions;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>The files that belong to the repository, named from its root with slashes.</summary>
internal static partial class RepositoryFile
{
    // Builds, tools of developers, and results of test runs.
    private static readonly string[] NotOurs = [".git", ".idea", ".vs", "artifacts", "bin", "node_modules", "obj", "StrykerOutput", "TestResults"];

    public static IReadOnlyList<string> All { get; } = [.. Under(new DirectoryInfo(Repository.Root)).Order(StringComparer.Ordinal)];

    public static IReadOnlyList<string> Documents { get; } = [.. All.Where(file => file.EndsWith(".md", StringComparison.Ordinal))];

    public static IReadOnlyList<string> Code { get; } = [.. All.Where(file => file.EndsWith(".cs", StringComparison.Ordinal))];

    public static string Read(string file) => File.ReadAllText(Repository.PathOf(file)).ReplaceLineEndings("\n");

    /// <summary>A document with the lines of its code blocks left empty, so that line numbers stay.</summary>
    public static string ReadProse(string document) =>
        CodeBlock().Replace(Read(document), block => new string('\n', block.Value.Count(character => character == '\n')));

    private static IEnumerable<string> Under(DirectoryInfo folder) =>
        folder.EnumerateFileSystemInfos().Where(entry => !NotOurs.Contains(entry.Name)).SelectMany(entry => entry switch
        {
            DirectoryInfo { LinkTarget: null } directory => Under(directory),
            FileInfo file => [Path.GetRelativePath(Repository.Root, file.FullName).Replace('\\', '/')],
            _ => [],
        });

    [GeneratedRegex("^```.*?^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
