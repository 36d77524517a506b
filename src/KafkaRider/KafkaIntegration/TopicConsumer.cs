using MassTransit.Transports;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Consumes a topic from the start of its endpoint to the stop: in order per key, side by side across keys. Only records that are done are
/// committed. A session that fails, or whose settings change, is replaced by another one.
/// </summary>
internal sealed class TopicConsumer
{
    private readonly TopicEndpoint endpoint;
    private readonly IRecordHandler handler;
    private readonly KeyOrderedScheduler scheduler;
    private readonly InFlightCounter inFlight;
    private readonly StartOffsets startOffsets;
    private readonly CancellationTokenSource stopping = new();
    private Task running = Task.CompletedTask;

    public TopicConsumer(TopicEndpoint endpoint, IRecordHandler handler)
    {
        this.endpoint = endpoint;
        this.handler = handler;
        var settings = endpoint.Settings;
        scheduler = new KeyOrderedScheduler(settings.ConcurrentMessageLimit);
        startOffsets = new StartOffsets(settings.Offset);

        // A batch is polled only when one can start, so that it is as large as possible.
        inFlight = handler.Limit == 1
            ? new InFlightCounter(settings.PrefetchCount, settings.PrefetchCount / 2)
            : new InFlightCounter(settings.ConcurrentMessageLimit, settings.ConcurrentMessageLimit - 1);
    }

    // A thread of its own: Confluent's Consume blocks.
    public void Start() => running = Task.Factory.StartNew(
        Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await running.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Run()
    {
        var (context, settings) = (endpoint.Context, endpoint.Settings);
        LogContext.SetCurrentIfNull(context.LogContext);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                context.DependenciesReady.Wait(stopping.Token);
                endpoint.Health.Begin();
                new ConsumerSession(endpoint, handler, scheduler, inFlight, startOffsets).Run(stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                RiderLog.ConsumerRestarts(endpoint.Logger, settings.Topic, settings.GroupId, exception.Message);
                context.TransportObservers.NotifyFaulted(context.InputAddress, exception).GetAwaiter().GetResult();

                // WhenAny, because a cancelled delay is not a failure.
                Task.WhenAny(Task.Delay(endpoint.Timeouts.RestartDelay, endpoint.Time, stopping.Token)).GetAwaiter().GetResult();
            }
        }

        context.TransportObservers.NotifyCompleted(context.InputAddress, handler.Metrics).GetAwaiter().GetResult();
    }
}
