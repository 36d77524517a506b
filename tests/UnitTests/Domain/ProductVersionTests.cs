using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

public sealed class ProductVersionTests
{
    [TestCase(1)]
    [TestCase(4_503_599_627_370_495)]
    public void AVersionWithinTheLimitsKeepsItsValue(long value) => Assert.That(new ProductVersion(value).Value, Is.EqualTo(value));

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(4_503_599_627_370_496)]
    [TestCase(long.MaxValue)]
    public void AVersionOutsideTheLimitsIsRefused(long value) =>
        Assert.That(() => new ProductVersion(value), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void TheRankOfTheLargestDeletedVersionIsExactInADouble()
    {
        const long rank = (2 * ProductVersion.Max) + 1;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((long)(double)rank, Is.EqualTo(rank));
            Assert.That((double)(rank - 1), Is.LessThan((double)rank));
        }
    }

    [Test]
    public void AVersionThatWasNeverSetCannotBeUsed()
    {
        var unset = default(ProductVersion);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => unset.Value, Throws.InvalidOperationException);
            Assert.That(unset.ToString, Throws.InvalidOperationException);
        }
    }
}
