using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Changes">Valid. A null member stays unchanged.</param>
/// <param name="Condition">Null: any version is changed.</param>
public sealed record UpdateProduct(ProductId Id, ProductDraft Changes, VersionCondition? Condition) : IRequest<WriteResult>;

public sealed class UpdateProductHandler(IProductWriter writer) : IRequestHandler<UpdateProduct, WriteResult>
{
    public Task<WriteResult> Handle(UpdateProduct request, CancellationToken cancellationToken) =>
        writer.UpdateAsync(request.Id, request.Changes, request.Condition, cancellationToken).UnavailableAsResult();
}
