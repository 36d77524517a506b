using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Products;

/// <summary>API_DEFAULT_WAIT_SECONDS: how long a miss waits for its fill if the request has no Prefer header.</summary>
/// <param name="Wait">Null: a miss is answered at once, with 202.</param>
internal sealed record DefaultWait(TimeSpan? Wait)
{
    public static DefaultWait Read(Settings settings) =>
        new(settings.Seconds("API_DEFAULT_WAIT_SECONDS", TimeSpan.FromSeconds(1), 0, (int)PreferHeader.MaxWait.TotalSeconds) is { Ticks: > 0 } wait ? wait : null);
}
