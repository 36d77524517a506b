using System.Reflection;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class ProblemsTests
{
    [Test]
    public void EveryProblemIsInTheTable() => Assert.That(
        Problems.All,
        Is.EquivalentTo(typeof(Problems).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<Problem>()));

    [Test]
    public void NoTwoProblemsHaveOneTypeOrOneOutcome()
    {
        Assert.That(Problems.All.Select(problem => problem.Type), Is.Unique);
        Assert.That(Problems.All.Select(problem => problem.Outcome), Is.Unique);
    }

    [Test]
    public void EveryProblemHasAPageThatSaysItsTitleStatusAndType()
    {
        foreach (var problem in Problems.All)
        {
            using var page = Problems.Open(problem.Name);
            Assert.That(page, Is.Not.Null, problem.Name);
            using var reader = new StreamReader(page!);
            Assert.That(reader.ReadToEnd(), Does.StartWith($"# {problem.Title}\n\nStatus {problem.Status}, type `{problem.Type}`.\n\n"));
        }
    }

    [Test]
    public void EveryPageIsOfAProblem() => Assert.That(
        typeof(Problems).Assembly.GetManifestResourceNames().Where(name => name.StartsWith("problems/", StringComparison.Ordinal)),
        Is.EquivalentTo(Problems.All.Select(problem => $"problems/{problem.Name}.md")));
}
