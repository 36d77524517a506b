namespace ProductCache.Api.Hardening;

/// <summary>Adds X-Content-Type-Options to every response and, over https, Strict-Transport-Security (RFC 6797).</summary>
internal static class SecurityHeaders
{
    private const string TransportSecurity = "max-age=31536000";

    /// <summary>Adds the headers to problems again, because the exception handler clears the headers of the response.</summary>
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
