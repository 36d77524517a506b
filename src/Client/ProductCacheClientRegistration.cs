using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http.Resilience;
using Polly;

namespace ProductCache.Client;

/// <summary>Registers a <see cref="ProductCacheClient"/>.</summary>
public static class ProductCacheClientRegistration
{
    /// <summary>A wait of the service is at most 10 s.</summary>
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan TotalTimeout = TimeSpan.FromSeconds(45);

    /// <summary>
    /// Adds a singleton client, with compression and the standard resilience of Microsoft.Extensions.Http.Resilience: timeouts, retries of reads, a
    /// circuit breaker. Writes are not repeated.
    /// </summary>
    /// <returns>For further handlers.</returns>
    public static IHttpClientBuilder AddProductCacheClient(this IServiceCollection services, Action<ProductCacheClientOptions> configure)
    {
        var options = new ProductCacheClientOptions();
        configure(options);
        var address = options.BaseAddress ?? throw new ArgumentException("BaseAddress is missing: the address of the service.", nameof(configure));
        const string name = nameof(ProductCacheClient);
        var builder = services.AddHttpClient(name, http =>
        {
            http.BaseAddress = address.AbsoluteUri.EndsWith('/') ? address : new Uri($"{address.AbsoluteUri}/");
            http.DefaultRequestHeaders.Authorization = options.Credential is null ? null : new AuthenticationHeaderValue("Bearer", options.Credential);
            http.Timeout = Timeout.InfiniteTimeSpan;
        });
        builder.ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.GZip,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        });

        // A singleton keeps its handler; the lifetime of the connections follows changes of names.
        builder.SetHandlerLifetime(Timeout.InfiniteTimeSpan);
        builder.AddStandardResilienceHandler(resilience =>
        {
            resilience.AttemptTimeout.Timeout = AttemptTimeout;
            resilience.TotalRequestTimeout.Timeout = TotalTimeout;
            resilience.CircuitBreaker.SamplingDuration = 2 * AttemptTimeout;

            // A stream has its own attempts, without an end.
            var isToBeRepeated = resilience.Retry.ShouldHandle;
            resilience.Retry.ShouldHandle = outcome =>
                outcome.Context.GetRequestMessage()?.RequestUri?.AbsolutePath.EndsWith(EventStream.PathEnd, StringComparison.Ordinal) == true
                    ? ValueTask.FromResult(false)
                    : isToBeRepeated(outcome);
            resilience.Retry.DisableForUnsafeHttpMethods();
        });
        services.AddSingleton(provider => new ProductCacheClient(
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(name), options, provider.GetService<TimeProvider>()));
        return builder;
    }
}
