using MassTransit.Configuration;
using MassTransit.Middleware;

namespace MassTransit.KafkaIntegration;

/// <summary>
/// Configures a pipe whose last filter is the rider's. Core's filters that discard a message pass it to the next filter, which has no effect in other
/// transports. Here they end the pipe, so that the message counts as done.
/// </summary>
internal sealed class DiscardingPipe<T>(IPipeConfigurator<T> pipe) : IPipeConfigurator<T>
    where T : class, PipeContext
{
    public void AddPipeSpecification(IPipeSpecification<T> specification) => pipe.AddPipeSpecification(new Specification(specification));

    private sealed class Specification(IPipeSpecification<T> specification) : IPipeSpecification<T>
    {
        public void Apply(IPipeBuilder<T> builder) => specification.Apply(new Builder(builder));

        public IEnumerable<ValidationResult> Validate() => specification.Validate();
    }

    private sealed class Builder(IPipeBuilder<T> builder) : IPipeBuilder<T>
    {
        public void AddFilter(IFilter<T> filter) =>
            builder.AddFilter(filter is DiscardErrorTransportFilter or DiscardDeadLetterFilter ? new LastFilter(filter) : filter);
    }

    private sealed class LastFilter(IFilter<T> filter) : IFilter<T>
    {
        public Task Send(T context, IPipe<T> next) => filter.Send(context, Pipe.Empty<T>());

        public void Probe(ProbeContext context) => filter.Probe(context);
    }
}
