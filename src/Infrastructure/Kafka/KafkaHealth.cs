using Confluent.Kafka;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ProductCache.Contracts;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>
/// Asks the brokers for the metadata of one topic, with a client of its own: a producer that is rejected reports nothing until a record is produced. Says
/// in one sentence why Kafka cannot be used: the server, the setting and the reason.
/// </summary>
internal sealed class KafkaHealth(KafkaOptions options, KafkaFaults faults) : IHealthCheck, IDisposable
{
    /// <summary>How long the brokers may take to answer. A check has its own timeout above it.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);

    /// <summary>How long disposing waits for a request that is running.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();

    // Only under the gate.
    private IAdminClient? client;
    private Error? lastError;
    private Task<Metadata>? running;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var metadata = await RequestAsync().WaitAsync(cancellationToken);
            return metadata.Brokers.Count > 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(faults.Silent);
        }
        catch (KafkaException exception)
        {
            return HealthCheckResult.Unhealthy(await faults.ExplainAsync(LastErrorOr(exception.Error), cancellationToken));
        }
    }

    /// <summary>Certificates or the password have changed: the next check has a new client.</summary>
    public void Reconnect() => _ = CloseAsync();

    public void Dispose() => CloseAsync().Wait(CloseTimeout);

    // A client must not be destroyed during its request, and outside of the gate, since its own thread may wait for the gate.
    private Task CloseAsync()
    {
        IAdminClient? closed;
        Task<Metadata>? last;
        lock (gate)
        {
            (closed, client) = (client, null);
            (last, running) = (running, null);
        }

        return Task.Run(async () =>
        {
            await ((Task?)last ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            closed?.Dispose();
        });
    }

    // A request blocks its thread until the brokers answer, so there is one at a time.
    private Task<Metadata> RequestAsync()
    {
        lock (gate)
        {
            if (running is null or { IsCompleted: true })
            {
                lastError = null;
                var admin = client ??= Build();
                running = Task.Run(() => admin.GetMetadata(options.TopicOf(Topics.ProductRequests), RequestTimeout));
            }

            return running;
        }
    }

    private Error LastErrorOr(Error error)
    {
        lock (gate)
        {
            return lastError ?? error;
        }
    }

    private IAdminClient Build() => new AdminClientBuilder(new AdminClientConfig(options.CreateClientConfig()) { AllowAutoCreateTopics = false })
        .SetLogHandler((_, _) => { })
        .SetErrorHandler((_, error) =>
        {
            // "All brokers are down" follows the reason.
            if (error.Code != ErrorCode.Local_AllBrokersDown)
            {
                lock (gate)
                {
                    lastError = error;
                }
            }
        })
        .Build();
}
