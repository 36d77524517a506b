using Microsoft.AspNetCore.Http.HttpResults;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.Api.Http;

/// <summary>
/// If-Match and If-None-Match in the order of RFC 9110, 13.2.2: first If-Match (false: 412), then If-None-Match (false: 304 for a read,
/// 412 for a write). They are evaluated last, where the request would succeed without them. There are no dates to compare.
/// </summary>
internal static class IfMatchHeader
{
    /// <summary>The condition of a write to a product, for the store to decide: no look before the write can.</summary>
    /// <param name="condition">Null: the request has none, or one that any version meets.</param>
    /// <returns>Whether both headers, where they are there, are lists of entity tags.</returns>
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

    /// <summary>For what is always there and has no entity tag: lists, and the collection that a creation adds to.</summary>
    /// <returns>Null: the request goes on.</returns>
    public static IResult? OfUntagged(HttpContext http)
    {
        var isRead = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        var (match, noneMatch) = (EntityTags.Read(http.Request.Headers.IfMatch), EntityTags.Read(http.Request.Headers.IfNoneMatch));
        if (match is { IsMalformed: true } || (noneMatch is { IsMalformed: true } && !isRead))
        {
            return NotAPrecondition();
        }

        return match is { IsAny: false } ? Failed(http, "This resource has no entity tag, so no tag in If-Match can match it. Nothing was written.")
            : noneMatch is not { IsAny: true } ? null
            : isRead ? (IResult)TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : Failed(http, "If-None-Match: * demands that this resource does not exist, and it does. Nothing was written.");
    }

    public static ProblemHttpResult NotAPrecondition() =>
        Problems.Create(Problems.NotAPrecondition, "If-Match and If-None-Match are lists of entity tags, or * alone.");

    /// <summary>Of one request with its conditions: no cache may keep it.</summary>
    public static ProblemHttpResult Failed(HttpContext http, string detail)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.Age = default;
        return Problems.Create(Problems.PreconditionFailed, detail);
    }
}
