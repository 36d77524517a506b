using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Condition">Null: any version is deleted.</param>
public sealed record DeleteProduct(ProductId Id, VersionCondition? Condition) : IRequest<WriteResult>;

public sealed class DeleteProductHandler(IProductWriter writer) : IRequestHandler<DeleteProduct, WriteResult>
{
    public Task<WriteResult> Handle(DeleteProduct request, CancellationToken cancellationToken) =>
        writer.DeleteAsync(request.Id, request.Condition, cancellationToken).UnavailableAsResult();
}
