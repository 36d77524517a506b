using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Infrastructure;

/// <summary>CACHE_COMPRESSION: gzip or off. Whether large bodies are written compressed; all processes read both.</summary>
public static class CompressionSetting
{
    public const string Setting = "CACHE_COMPRESSION";

    public static bool ReadCompression(this Settings settings) => settings.OneOf(Setting, BodyCompression.Encoding, "off") == BodyCompression.Encoding;

    /// <summary>Before the mapping is registered, since the first registration counts.</summary>
    public static IServiceCollection AddCompression(this IServiceCollection services, EntryFormat format, bool compresses) =>
        services.AddSingleton(compresses ? format.WithCompression() : format);
}
