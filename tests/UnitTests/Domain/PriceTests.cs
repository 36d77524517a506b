using System.Globalization;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Domain;

public sealed class PriceTests
{
    [TestCase("0", "0.00")]
    [TestCase("5", "5.00")]
    [TestCase("5.0", "5.00")]
    [TestCase("5.00", "5.00")]
    [TestCase("5.000", "5.00")]
    [TestCase("123.4", "123.40")]
    [TestCase("0.01", "0.01")]
    [TestCase("9999999999.99", "9999999999.99")]
    public void EveryPriceHasTwoDecimals(string amount, string expected)
    {
        var price = new Price(Number(amount));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(price.ToString(), Is.EqualTo(expected));
            Assert.That(price.Amount.ToString(CultureInfo.InvariantCulture), Is.EqualTo(expected));
            Assert.That(price.Amount.Scale, Is.EqualTo(2));
            Assert.That(price, Is.EqualTo(new Price(Number(expected))));
        }
    }

    [TestCase("-0.01", Description = "below zero")]
    [TestCase("10000000000", Description = "the limit")]
    [TestCase("79228162514264337593543950335", Description = "the largest decimal")]
    [TestCase("1.001", Description = "three decimals")]
    [TestCase("0.005", Description = "half a hundredth")]
    [TestCase("9999999999.999", Description = "rounds to the limit")]
    public void AnAmountOutsideTheLimitsOrFinerThanHundredthsIsRefused(string amount) =>
        Assert.That(() => new Price(Number(amount)), Throws.TypeOf<ArgumentOutOfRangeException>());

    private static decimal Number(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);
}
