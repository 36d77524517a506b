using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ProductCache.TestSupport;

public static class TestServices
{
    /// <summary>What a bus needs of its host.</summary>
    public static ServiceCollection New()
    {
        var collection = new ServiceCollection();

        // MassTransit's log context outlives the container that it was made from.
        collection.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        collection.AddLogging();
        return collection;
    }
}
