using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>Metadata of a route for operators.</summary>
/// <param name="IsPublicToo">Whether the port for clients serves it too, though there is a management port.</param>
internal sealed record ManagementRoute(bool IsPublicToo);

public static class ManagementPort
{
    /// <summary>Where there are two ports, each serves its own routes only: 404 for the others.</summary>
    public static void UseManagementPort(this WebApplication application, Listeners listeners)
    {
        if (listeners is not { Port: not null, ManagementPort: not null })
        {
            return;
        }

        application.Use((http, next) =>
        {
            var route = http.GetEndpoint()?.Metadata.GetMetadata<ManagementRoute>();
            if (listeners.IsManagement(http) ? route is null : route is { IsPublicToo: false })
            {
                http.SetEndpoint(null);
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            }

            return next(http);
        });
    }
}
