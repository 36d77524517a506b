using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ProductCache.Chaos;

/// <summary>The values of writes: name, price and description all contain the number of their write, so that a read shows which one it saw.</summary>
internal static class ProductText
{
    private const int MaxPadding = 300;

    public static string Name(long number) => string.Create(CultureInfo.InvariantCulture, $"w{number}");

    public static decimal Price(long number) => number % 1_000_000 / 100m;

    public static string Description(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"w{number} ") + new string('x', (int)(number * 7919 % MaxPadding));

    /// <summary>The number of the write that produced this body; <see cref="Read.NoWrite"/> if it mixes several writes.</summary>
    public static long NumberIn(ReadOnlySpan<byte> body, long id)
    {
        var reader = new Utf8JsonReader(body);
        long readId = 0;
        decimal price = -1;
        byte[] name = [], description = [];
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                var property = reader.GetString();
                reader.Read();
                switch (property)
                {
                    case "id":
                        readId = reader.GetInt64();
                        break;
                    case "price":
                        price = reader.GetDecimal();
                        break;
                    case "name":
                        name = reader.ValueSpan.ToArray();
                        break;
                    case "description":
                        description = reader.ValueSpan.ToArray();
                        break;
                    default:
                        return Read.NoWrite;
                }
            }
        }
        catch (JsonException)
        {
            return Read.NoWrite;
        }

        return name is [(byte)'w', .. var digits]
            && Utf8Parser.TryParse(digits, out long number, out var used) && used == digits.Length
            && readId == id
            && price == Price(number)
            && description.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(Description(number)))
                ? number
                : Read.NoWrite;
    }
}
