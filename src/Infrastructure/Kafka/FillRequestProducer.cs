using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Contracts;
using ProductCache.Domain;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>Produces fill requests to the topic product-requests. The producer is resolved at a miss, so that hits never depend on Kafka.</summary>
/// <param name="idType">Null: bigint.</param>
internal sealed class FillRequestProducer(IServiceScopeFactory scopes, TimeProvider time, ProductIdType? idType = null) : IFillRequestPublisher
{
    private readonly SilenceTimeout timeout = new(
        KafkaOptions.ProduceTimeout, KafkaOptions.FirstProduceTimeout, KafkaOptions.ProduceLimit, time);

    public async Task PublishAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await timeout.WithinAsync(ProduceAsync(id, renews, abandoned.Token), cancellationToken);
        }
        catch (Exception exception) when (exception is KafkaException or TimeoutException)
        {
            await abandoned.CancelAsync();
            throw new UnavailableException(Dependency.Broker, exception);
        }
    }

    private async Task<bool> ProduceAsync(ProductId id, EntryTimes? renews, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, ProductRequested>>();
        var type = idType ?? ProductIdType.Bigint;
        await producer.Produce(
            id.ToString(),
            new ProductRequested { ProductId = MessageIds.NumberOf(id, type), Key = MessageIds.KeyOf(id, type), Renews = renews?.ToString() },
            cancellationToken);
        return true;
    }
}
