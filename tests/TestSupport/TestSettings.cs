using Microsoft.Extensions.Configuration;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.TestSupport;

public static class TestSettings
{
    public static Settings Of(params IEnumerable<(string Key, string Value)> settings) => new(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build());
}
