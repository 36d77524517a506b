using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>
/// If-Match and If-None-Match in the order of RFC 9110, 13.2.2: first If-Match (false: 412), then If-None-Match (false: 304 for a read,
/// 412 for a write). They are evaluated only if the request would succeed without them. Dates are not supported.
/// </summary>
internal static class IfMatchHeader
{
    /// <summary>The condition of a write. The store evaluates it within the write, because a check before the write would race.</summary>
    /// <param name="condition">Null if the request has no condition, or one that every version meets.</param>
    /// <returns>False if one of the headers is not a list of entity tags.</returns>
    public static bool TryRead(IHeaderDictionary headers, out VersionCondition? condition)
    {
        condition = null;
        var (match, noneMatch) = (EntityTags.Read(headers.IfMatch), EntityTags.Read(headers.IfNoneMatch));
        if (match is { IsMalformed: true } || noneMatch is { IsMalformed: true })
        {
            return false;
        }

        IReadOnlyList<ProductVersion>? oneOf = noneMatch is { IsAny: true } ? [] : match is { IsAny: false } ? match.Versions(alsoOfWeakTags: false) : null;
        var noneOf = noneMatch is { IsAny: false } ? noneMatch.Versions(alsoOfWeakTags: true) : null;
        condition = oneOf is null && noneOf is null ? null : new VersionCondition(oneOf, noneOf);
        return true;
    }

    /// <summary>The preconditions of resources that always exist and have no entity tag: lists, and the collection that POST adds to.</summary>
    /// <returns>Null if the preconditions are met.</returns>
    public static IResult? OfUntagged(HttpContext http)
    {
        var isRead = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        var (match, noneMatch) = (EntityTags.Read(http.Request.Headers.IfMatch), EntityTags.Read(http.Request.Headers.IfNoneMatch));
        if (match is { IsMalformed: true } || (noneMatch is { IsMalformed: true } && !isRead))
        {
            return NotAPrecondition();
        }

        return match is { IsAny: false } ? Failed(http, "This resource has no entity tag, so no tag in If-Match matches it. Nothing was written.")
            : noneMatch is not { IsAny: true } ? null
            : isRead ? (IResult)TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : Failed(http, "If-None-Match: * requires that this resource does not exist, but it exists. Nothing was written.");
    }

    public static ProblemHttpResult NotAPrecondition() =>
        Problems.Create(Problems.NotAPrecondition, "If-Match and If-None-Match must be lists of entity tags, or * alone.");

    /// <summary>412. No cache may store it, because it depends on the conditions of the request.</summary>
    public static ProblemHttpResult Failed(HttpContext http, string detail)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.Age = default;
        return Problems.Create(Problems.PreconditionFailed, detail);
    }
}
