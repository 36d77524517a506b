using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>
/// Replaces all Kafka clients when a file of certificates or of the password has changed: a client reads them only when it is created.
/// </summary>
internal sealed class KafkaCredentials(KafkaOptions options, KafkaHealth health, IBusInstance bus, TimeProvider time, ILogger<KafkaCredentials> logger)
    : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        new FileWatch(options.Security.WatchedFiles, time).RunAsync(Reconnect, stoppingToken);

    private void Reconnect()
    {
        MessagingLog.CredentialsChanged(logger);
        health.Reconnect();
#if !MASSTRANSIT_KAFKA_PACKAGE
        bus.GetRider<IKafkaRider>().Reconnect(options.Security.Apply);
#endif
    }
}
