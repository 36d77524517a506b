using Microsoft.Extensions.Hosting;

namespace MassTransit.Testing;

/// <summary>
/// Prepares the topics of a test (<c>ConfigureKafkaTestOptions</c>). A test without a host must start the services of this type before its bus.
/// </summary>
public abstract class KafkaTestHarnessHostedService : IHostedService
{
    private protected KafkaTestHarnessHostedService()
    {
    }

    /// <summary>Deletes and creates the topics according to the options.</summary>
    public abstract Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Does nothing: the topics remain.</summary>
    public abstract Task StopAsync(CancellationToken cancellationToken);
}
