namespace ProductCache.Domain;

/// <summary>A product. The constraints of the table enforce the same rules, so every row is a valid product.</summary>
public sealed record Product
{
    public const int MaxNameLength = 200;
    public const int MaxDescriptionLength = 10_000;

    /// <param name="attributes">Null: none.</param>
    public Product(ProductId id, string name, Price price, string description, ProductVersion version, ProductAttributes? attributes = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(description);
        if (IsLongerThan(name, MaxNameLength) || name.Any(char.IsControl))
        {
            throw new ArgumentException($"A name has at most {MaxNameLength} characters and no control characters.", nameof(name));
        }

        if (IsLongerThan(description, MaxDescriptionLength))
        {
            throw new ArgumentException($"A description has at most {MaxDescriptionLength} characters.", nameof(description));
        }

        Id = id;
        Name = name;
        Price = price;
        Description = description;
        Version = version;
        Attributes = attributes;
    }

    public ProductId Id { get; }

    public string Name { get; }

    public Price Price { get; }

    public string Description { get; }

    public ProductVersion Version { get; }

    public ProductAttributes? Attributes { get; }

    // Characters are code points, like in char_length of PostgreSQL: an emoji is one character, although it has two UTF-16 units.
    private static bool IsLongerThan(string text, int characters) =>
        text.Length > characters && text.EnumerateRunes().Count() > characters;
}
