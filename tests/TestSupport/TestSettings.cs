using Microsoft.Extensions.Configuration;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.TestSupport;

public static class TestSettings
{
    /// <summary>Some settings, of which others replace those of the same key.</summary>
    public static Settings Of(IReadOnlyDictionary<string, string> settings, IEnumerable<(string Key, string Value)> others) =>
        Of(settings.Select(setting => (setting.Key, setting.Value)).Concat(others).GroupBy(setting => setting.Item1, (_, values) => values.Last()));

    public static Settings Of(params IEnumerable<(string Key, string Value)> settings) => new(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build());
}
