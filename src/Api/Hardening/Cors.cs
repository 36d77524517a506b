using Microsoft.Extensions.Primitives;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Hardening;

/// <summary>CORS_ORIGINS: the origins whose pages may use the API from a browser.</summary>
internal static class Cors
{
    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    private static readonly string[] ExposedHeaders =
        ["Age", "Cache-Status", "ETag", "Link", "Location", "Preference-Applied", "Retry-After"];

    public static IReadOnlyList<string> ReadOrigins(Settings settings)
    {
        List<string> origins = [];
        foreach (var text in settings.Text("CORS_ORIGINS", string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (text == "*" || (Uri.TryCreate(text, UriKind.Absolute, out var origin) && origin.GetLeftPart(UriPartial.Authority) == text))
            {
                origins.Add(text);
            }
            else
            {
                settings.Refuse($"CORS_ORIGINS must be a comma-separated list of origins (https://shop.example.com) or *, not '{text}'.");
            }
        }

        return origins;
    }

    public static void AddCorsOrigins(this IServiceCollection services, IReadOnlyList<string> origins)
    {
        if (origins.Count > 0)
        {
            services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
                .WithOrigins([.. origins])
                .AllowAnyHeader()
                .WithMethods("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
                .WithExposedHeaders(ExposedHeaders)
                .SetPreflightMaxAge(PreflightAge)));
        }
    }

    public static void UseCorsOrigins(this WebApplication application, IReadOnlyList<string> origins)
    {
        if (origins.Count > 0)
        {
            application.Use(VaryByOrigin);
            application.UseCors();
        }
    }

    // The middleware sets Vary only for allowed origins. Without it on every response, a cache could return a response without CORS headers.
    private static Task VaryByOrigin(HttpContext http, RequestDelegate next)
    {
        http.Response.OnStarting(
            state =>
            {
                var headers = (IHeaderDictionary)state;
                if (!headers.Vary.Contains("Origin"))
                {
                    headers.Vary = StringValues.Concat("Origin", headers.Vary);
                }

                return Task.CompletedTask;
            },
            http.Response.Headers);
        return next(http);
    }
}
