using System.Globalization;
using System.Text.Json;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Products;

/// <param name="Pointer">To the value at fault, as a URI fragment (RFC 6901, 6): <c>#/name</c>.</param>
internal sealed record BodyFault(string Pointer, string Detail);

/// <summary>A product as a writer sends it. Every fault of it is told, with the place where it is.</summary>
internal sealed class ProductBody
{
    /// <summary>Faults in one answer; a body with more of them has a name for each.</summary>
    public const int MaxFaults = 20;

    /// <summary>Of an unknown member's name, in its fault.</summary>
    private const int MaxNameLength = 100;

    /// <summary>A product is flat; whatever is deeper is refused without a look.</summary>
    private const int MaxDepth = 8;

    /// <summary>In characters. As many digits as a decimal keeps without rounding.</summary>
    private const int MaxNumberLength = 28;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    private readonly List<BodyFault> faults = [];
    private string? name;
    private decimal? price;
    private string? description;

    private ProductBody()
    {
    }

    /// <param name="id">Of the product that is changed, which the body may repeat; none: the database draws one.</param>
    /// <param name="isPatch">What is not there stays as it is (RFC 7396); else name and price must be there.</param>
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
            // Not the parser's own message, which has pieces of the body in it. InvalidOperationException: half of a surrogate
            // pair in the name of a member.
            return (null, Problems.Create(
                Problems.MalformedBody, $"The body is one JSON value without a byte order mark, without members of the same name, at most {MaxDepth} levels deep."));
        }
    }

    private ProductDraft ReadRoot(JsonElement root, ProductId? id, bool isPatch)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new BodyFault("#", "A product is an object."));
            return new ProductDraft(null, null, null);
        }

        var missing = isPatch ? [] : new HashSet<string> { "name", "price" };
        foreach (var member in root.EnumerateObject())
        {
            missing.Remove(member.Name);
            ReadMember(member, id, isPatch);
        }

        faults.AddRange(missing.Select(member => new BodyFault($"#/{member}", $"A product has a {member}.")));
        return new ProductDraft(name, price, isPatch ? description : description ?? string.Empty);
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

            // Null takes a member away (RFC 7396): a product without a description has an empty one.
            case "description" when isPatch && member.Value.ValueKind == JsonValueKind.Null:
                description = string.Empty;
                break;
            case "description":
                description = ReadText(member);
                break;
            case "id" when id is { } known:
                if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt64(out var number) || number != known.Value)
                {
                    faults.Add(new BodyFault("#/id", "An id, if it is there, is that of the URL. It cannot be changed."));
                }

                break;
            default:
                faults.Add(new BodyFault(PointerTo(member.Name), "A product has name, price and description, and nothing else to be set."));
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
                faults.Add(new BodyFault($"#/{member.Name}", "A text has no half of a surrogate pair."));
                return null;
            }
        }

        faults.Add(new BodyFault($"#/{member.Name}", $"A {member.Name} is a string."));
        return null;
    }

    private decimal? ReadNumber(JsonProperty member)
    {
        if (member.Value.ValueKind != JsonValueKind.Number)
        {
            faults.Add(new BodyFault($"#/{member.Name}", $"A {member.Name} is a number."));
            return null;
        }

        var text = member.Value.GetRawText();
        var isKept = decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && text.Length <= MaxNumberLength

            // What is too small becomes zero on the way.
            && (number != 0 || !text.AsSpan(0, text.AsSpan().IndexOfAny('e', 'E') is var e and >= 0 ? e : text.Length).ContainsAnyInRange('1', '9'));
        if (isKept)
        {
            // Without the sign of -0.
            return number == 0 ? 0 : number;
        }

        faults.Add(new BodyFault($"#/{member.Name}", $"A {member.Name} is at least 0 and below {Price.Limit:0}, with at most 2 decimals, in at most {MaxNumberLength} characters."));
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

        // Not through the middle of a surrogate pair.
        return member[..(char.IsHighSurrogate(member[MaxNameLength - 1]) ? MaxNameLength - 1 : MaxNameLength)];
    }
}
