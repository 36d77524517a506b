using System.Reflection;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

[Category(TestCategories.NoServers)]
public sealed class CategoriesTests
{
    [Test]
    public void EachFixtureSaysWhatItNeeds()
    {
        var fixtures = typeof(CategoriesTests).Assembly.GetTypes().Where(type => type.Name.EndsWith("Tests", StringComparison.Ordinal) && !type.IsAbstract);

        Assert.That(
            fixtures.Where(type => !type.GetCustomAttributes<CategoryAttribute>().Any(category => TestCategories.All.Contains(category.Name))),
            Is.Empty);
    }
}
