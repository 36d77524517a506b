using System.Security.Cryptography;
using System.Text.Json;
using FluentValidation;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <summary>The members of a product that a writer sent. A member that was not sent is null.</summary>
public sealed record ProductDraft(string? Name, decimal? Price, string? Description, AttributesDraft? Attributes = null)
{
    /// <summary>Equal for drafts with equal values, even if their JSON differs.</summary>
    public byte[] Fingerprint() => SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
        (string?[])[Name, Price is { } price ? new Price(price).ToString() : null, Description, .. Attributes is { Removes: false } attributes ? [attributes.Json] : Array.Empty<string>()]));
}

/// <summary>The attributes that a writer sent.</summary>
/// <param name="Json">An object that <see cref="ProductAttributes"/> accepts, or null in JSON: no attributes.</param>
/// <param name="Merges">Whether the object is merged into the stored one (RFC 7396, at all levels). Else it takes its place.</param>
public sealed record AttributesDraft(string Json, bool Merges)
{
    public static readonly AttributesDraft None = new("null", Merges: false);

    /// <summary>Whether the product has no attributes afterwards.</summary>
    public bool Removes => this == None;
}

/// <summary>The rules of the built-in table, with messages for the writer. A null member is valid.</summary>
public sealed class ProductDraftValidator : AbstractValidator<ProductDraft>
{
    public ProductDraftValidator()
    {
        RuleFor(draft => draft.Name)
            .Must(name => LengthOf(name!) is > 0 and <= ProductLimits.MaxNameLength).WithMessage($"A name has 1 to {ProductLimits.MaxNameLength} characters.")
            .Must(name => !name!.Any(char.IsControl)).WithMessage("A name has no control characters.")
            .When(draft => draft.Name is not null);
        RuleFor(draft => draft.Price)
            .Must(price => price is >= 0 and < Price.Limit).WithMessage($"A price is at least 0 and below {Price.Limit:0}.")
            .Must(price => decimal.Round(price!.Value, 2) == price).WithMessage("A price has at most 2 decimals.")
            .When(draft => draft.Price is not null);
        RuleFor(draft => draft.Description)
            .Must(description => LengthOf(description!) <= ProductLimits.MaxDescriptionLength).WithMessage($"A description has at most {ProductLimits.MaxDescriptionLength} characters.")
            .Must(description => !description!.Contains('\0')).WithMessage("A description has no null character: PostgreSQL cannot store it.")
            .When(draft => draft.Description is not null);
    }

    // In code points, like the constraint of the table.
    private static int LengthOf(string text) => text.EnumerateRunes().Count();
}
