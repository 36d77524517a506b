using System.Globalization;

namespace ProductCache.Domain;

/// <summary>An amount of money without a currency: at least 0, below 10,000,000,000, in hundredths.</summary>
public readonly record struct Price
{
    public const decimal Limit = 10_000_000_000m;

    public Price(decimal amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(amount, Limit);
        if (decimal.Round(amount, 2) != amount)
        {
            throw new ArgumentOutOfRangeException(nameof(amount), amount, "A price has at most two decimals.");
        }

        // Adding 0.00 gives every price the scale 2, so that 5, 5.0 and 5.00 are written alike.
        Amount = decimal.Round(amount, 2) + 0.00m;
    }

    public decimal Amount { get; }

    public override string ToString() => Amount.ToString("0.00", CultureInfo.InvariantCulture);
}
