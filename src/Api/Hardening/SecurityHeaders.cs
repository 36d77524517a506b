namespace ProductCache.Api.Hardening;

/// <summary>Headers that protect every answer: X-Content-Type-Options and, over https, Strict-Transport-Security (RFC 6797).</summary>
internal static class SecurityHeaders
{
    private const string TransportSecurity = "max-age=31536000";

    /// <summary>After AddProblems: the exception handler clears the headers that an answer had so far.</summary>
    public static void AddSecurityHeaders(this IServiceCollection services) => services.PostConfigure<ProblemDetailsOptions>(problems =>
        problems.CustomizeProblemDetails += context => Write(context.HttpContext.Response.Headers, context.HttpContext.Request.IsHttps));

    public static void UseSecurityHeaders(this WebApplication application) => application.Use((http, next) =>
    {
        Write(http.Response.Headers, http.Request.IsHttps);
        return next(http);
    });

    private static void Write(IHeaderDictionary headers, bool isHttps)
    {
        headers.XContentTypeOptions = "nosniff";
        if (isHttps)
        {
            headers.StrictTransportSecurity = TransportSecurity;
        }
    }
}
