using MediatR;
using ProductCache.Domain;

namespace ProductCache.Application;

/// <param name="Versions">Of which one must be there; none: any will do.</param>
public sealed record DeleteProduct(ProductId Id, IReadOnlyList<ProductVersion>? Versions) : IRequest<WriteResult>;

public sealed class DeleteProductHandler(IProductWriter writer) : IRequestHandler<DeleteProduct, WriteResult>
{
    public Task<WriteResult> Handle(DeleteProduct request, CancellationToken cancellationToken) =>
        StoreOutage.ToldAsync(writer.DeleteAsync(request.Id, request.Versions, cancellationToken));
}
