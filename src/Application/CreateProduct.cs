using MediatR;

namespace ProductCache.Application;

/// <param name="Draft">Complete and valid.</param>
public sealed record CreateProduct(ProductDraft Draft, IdempotencyKey? Key = null) : IRequest<WriteResult>;

public sealed class CreateProductHandler(IProductWriter writer) : IRequestHandler<CreateProduct, WriteResult>
{
    public Task<WriteResult> Handle(CreateProduct request, CancellationToken cancellationToken) =>
        writer.CreateAsync(request.Draft, request.Key, cancellationToken).UnavailableAsResult();
}
