using System.Globalization;
using System.Text.Json;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <param name="Pointer">The location of the faulty value, as a URI fragment (RFC 6901, 6): <c>#/name</c>.</param>
internal sealed record BodyFault(string Pointer, string Detail);

/// <summary>Reads a product from a request body. Reports all faults, each with its location.</summary>
internal sealed class ProductBody
{
    /// <summary>The maximum number of faults in a response.</summary>
    public const int MaxFaults = 20;

    /// <summary>The maximum length of an unknown member's name in a fault, in characters.</summary>
    private const int MaxNameLength = 100;

    /// <summary>The maximum nesting of a body: the product, and its attributes.</summary>
    private const int MaxDepth = 1 + ProductAttributes.MaxDepth;

    /// <summary>The maximum length of a number in characters: the digits that a decimal keeps without rounding.</summary>
    private const int MaxNumberLength = 28;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    private readonly List<BodyFault> faults = [];
    private string? name;
    private decimal? price;
    private string? description;
    private AttributesDraft? attributes;

    private ProductBody()
    {
    }

    /// <param name="id">The id of the changed product, which the body may repeat. Null for a new product, whose id the database assigns.</param>
    /// <param name="isPatch">True: absent members stay unchanged (RFC 7396). False: name and price are required.</param>
    public static (ProductDraft? Draft, ProblemHttpResult? Fault) Read(
        ReadOnlyMemory<byte> bytes, ProductId? id, bool isPatch, IValidator<ProductDraft> validator)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, Options);
            var body = new ProductBody();
            var draft = body.ReadRoot(document.RootElement, id, isPatch);
            body.faults.AddRange(validator.Validate(draft).Errors.Select(error =>
                new BodyFault($"#/{JsonNamingPolicy.CamelCase.ConvertName(error.PropertyName)}", error.ErrorMessage)));
            return body.faults.Count == 0 ? (draft, null) : (null, Problems.OfBody(body.faults.Take(MaxFaults)));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The message of the parser contains pieces of the body, so it is not used. InvalidOperationException: an unpaired
            // surrogate in a member name.
            return (null, Problems.Create(
                Problems.MalformedBody, $"The body must be exactly one JSON value, without byte order mark or duplicate member names, at most {MaxDepth} levels deep."));
        }
    }

    private ProductDraft ReadRoot(JsonElement root, ProductId? id, bool isPatch)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new BodyFault("#", "A product must be an object."));
            return new ProductDraft(null, null, null);
        }

        var missing = isPatch ? [] : new HashSet<string> { "name", "price" };
        foreach (var member in root.EnumerateObject())
        {
            missing.Remove(member.Name);
            ReadMember(member, id, isPatch);
        }

        faults.AddRange(missing.Select(member => new BodyFault($"#/{member}", $"{member} is required.")));
        return new ProductDraft(name, price, isPatch ? description : description ?? string.Empty, isPatch || id is null ? attributes : attributes ?? AttributesDraft.None);
    }

    private void ReadMember(JsonProperty member, ProductId? id, bool isPatch)
    {
        switch (member.Name)
        {
            case "name":
                name = ReadText(member);
                break;
            case "price":
                price = ReadNumber(member);
                break;

            // Null removes a member (RFC 7396). A product without a description has an empty one.
            case "description" when isPatch && member.Value.ValueKind == JsonValueKind.Null:
                description = string.Empty;
                break;
            case "description":
                description = ReadText(member);
                break;
            case "attributes" when member.Value.ValueKind == JsonValueKind.Null:
                attributes = AttributesDraft.None;
                break;
            case "attributes":
                attributes = ReadAttributes(member, isPatch);
                break;
            case "id" when id is { } known:
                if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt64(out var number) || number != known.Value)
                {
                    faults.Add(new BodyFault("#/id", "id must equal the id in the URL. It cannot be changed."));
                }

                break;
            default:
                faults.Add(new BodyFault(PointerTo(member.Name), "Unknown member. A product has the members name, price, description and attributes."));
                break;
        }
    }

    private string? ReadText(JsonProperty member)
    {
        if (member.Value.ValueKind == JsonValueKind.String)
        {
            try
            {
                return member.Value.GetString();
            }
            catch (InvalidOperationException)
            {
                faults.Add(new BodyFault($"#/{member.Name}", $"{member.Name} must not contain an unpaired surrogate."));
                return null;
            }
        }

        faults.Add(new BodyFault($"#/{member.Name}", $"{member.Name} must be a string."));
        return null;
    }

    private AttributesDraft? ReadAttributes(JsonProperty member, bool isPatch)
    {
        if (ProductAttributes.TryParse(member.Value, out var read, out var fault))
        {
            return new AttributesDraft(read.Json, Merges: isPatch);
        }

        faults.Add(new BodyFault($"#/{member.Name}", fault));
        return null;
    }

    private decimal? ReadNumber(JsonProperty member)
    {
        if (member.Value.ValueKind != JsonValueKind.Number)
        {
            faults.Add(new BodyFault($"#/{member.Name}", $"{member.Name} must be a number."));
            return null;
        }

        var text = member.Value.GetRawText();
        var isKept = decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && text.Length <= MaxNumberLength

            // TryParse rounds a number that is too small to zero.
            && (number != 0 || !text.AsSpan(0, text.AsSpan().IndexOfAny('e', 'E') is var e and >= 0 ? e : text.Length).ContainsAnyInRange('1', '9'));
        if (isKept)
        {
            // Removes the sign of -0.
            return number == 0 ? 0 : number;
        }

        faults.Add(new BodyFault($"#/{member.Name}", $"{member.Name} must be at least 0 and below {Price.Limit:0}, with at most 2 decimals, in at most {MaxNumberLength} characters."));
        return null;
    }

    private static string PointerTo(string member) =>
        $"#/{Uri.EscapeDataString(Shortened(member).Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal))}";

    private static string Shortened(string member)
    {
        if (member.Length <= MaxNameLength)
        {
            return member;
        }

        // Do not split a surrogate pair.
        return member[..(char.IsHighSurrogate(member[MaxNameLength - 1]) ? MaxNameLength - 1 : MaxNameLength)];
    }
}
