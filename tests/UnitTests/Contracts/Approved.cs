using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Contracts;

/// <summary>Surfaces that others rely on, each in a file that is reviewed when it changes.</summary>
internal static class Approved
{
    public static string Read(string file)
    {
        var path = PathOf(file);
        return File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings().TrimEnd() : string.Empty;
    }

    public static void Verify(string file, string received)
    {
        received = received.ReplaceLineEndings().TrimEnd();
        if (received == Read(file))
        {
            return;
        }

        var receivedPath = Path.Combine(TestContext.CurrentContext.WorkDirectory, file.Replace(".approved.", ".received.", StringComparison.Ordinal));
        File.WriteAllText(receivedPath, received + Environment.NewLine);
        Assert.That(
            received,
            Is.EqualTo(Read(file)),
            $"Others rely on this: additions are fine, changes and removals break them. If it is meant, approve it:{Environment.NewLine}"
            + $"cp '{receivedPath}' '{PathOf(file)}'");
    }

    private static string PathOf(string file) => Path.Combine(Repository.Root, "tests", "UnitTests", file);
}
