using System.Globalization;
using ProductCache.Application;

namespace ProductCache.TestSupport.Explorer;

internal enum PortKind
{
    /// <summary>A step of IGuardedCache. The client library may execute it a second time, however late.</summary>
    Command,

    /// <summary>The claim: a second execution of it has the nonce of the first.</summary>
    Claim,

    Read,

    Publish,

    Notify,
}

/// <summary>A call at which a handler stops, and what it does to a world.</summary>
/// <param name="What">Distinct for distinct arguments.</param>
internal sealed record PortCall(PortKind Kind, string What, Func<World, Answer> Execute)
{
    /// <summary>Of a claim: executes it a second time, after an execution that returned this claim.</summary>
    public Action<World, Lease>? ExecuteAgain { get; init; }
}

/// <summary>
/// What a call returned, and a text that is the same only for answers that no handler can tell apart. In it, #3 is a token,
/// @3 is a time of filling and %3 is a history of Redis: they are compared for equality only, so the explorer gives them small numbers.
/// </summary>
internal sealed record Answer(object? Value, string Text)
{
    /// <summary>One bit for each token of the answer.</summary>
    public uint Tokens => BitsAfter('#', Text);

    /// <summary>One bit for each time of filling of the answer.</summary>
    public uint Stamps => BitsAfter('@', Text);

    /// <summary>One bit for each history of the answer.</summary>
    public uint Histories => BitsAfter('%', Text);

    private static uint BitsAfter(char mark, string text)
    {
        var bits = 0u;
        for (var at = text.IndexOf(mark, StringComparison.Ordinal); at >= 0; at = text.IndexOf(mark, at + 1))
        {
            var end = at + 1;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
            {
                end++;
            }

            bits |= 1u << int.Parse(text.AsSpan(at + 1, end - at - 1), CultureInfo.InvariantCulture);
        }

        return bits;
    }
}
