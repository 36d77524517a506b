using Microsoft.Extensions.Hosting;

namespace MassTransit.Testing;

/// <summary>
/// Prepares the topics of a test (<c>ConfigureKafkaTestOptions</c>). A test without a host starts the services of this type before its bus.
/// </summary>
public abstract class KafkaTestHarnessHostedService : IHostedService
{
    private protected KafkaTestHarnessHostedService()
    {
    }

    /// <summary>Deletes and creates the topics, as the options say.</summary>
    public abstract Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Leaves the topics as they are.</summary>
    public abstract Task StopAsync(CancellationToken cancellationToken);
}
