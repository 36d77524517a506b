using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Publishes on the topic product-requests. The producer is resolved at a miss, so that hits never depend on Kafka.</summary>
internal sealed class ProductRequests(IServiceScopeFactory scopes) : IProductRequests
{
    public async Task PublishAsync(ProductId id, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(KafkaOptions.ProduceDeadline);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, ProductRequested>>();
            await producer.Produce(id.ToString(), new ProductRequested { ProductId = id.Value }, deadline.Token);
        }
        catch (Exception exception) when (
            exception is KafkaException
            || (exception is ConfigurationException) // the bus has not started yet
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new UnavailableException(Dependency.Broker, exception);
        }
    }
}
