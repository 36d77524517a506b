using MassTransit.Transports;
using Microsoft.Extensions.Logging;

namespace MassTransit.KafkaIntegration;

/// <summary>A topic endpoint as it was configured. All parts of its consumer share it.</summary>
internal sealed record TopicEndpoint(
    ReceiveEndpointContext Context,
    TopicEndpointSettings Settings,
    ClientSettings Client,
    EndpointHealth Health,
    ConsumerTimeouts Timeouts,
    TimeProvider Time)
{
    public ILogger Logger => Context.LogContext.Logger;
}
