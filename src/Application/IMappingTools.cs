namespace ProductCache.Application;

/// <summary>Checks a mapping against the database, and installs and removes its objects.</summary>
public interface IMappingTools
{
    /// <summary>Runs the mapping for some products, and looks at its tables, its plan and the rights that it needs. Nothing is changed.</summary>
    /// <param name="ids">The products. Empty: the first ones of the list.</param>
    Task<MappingReport> CheckAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken);

    /// <summary>What install would do, one line each. Empty: nothing.</summary>
    Task<IReadOnlyList<string>> DifferenceAsync(CancellationToken cancellationToken);

    /// <summary>Creates or replaces everything that the mapping needs, in one transaction.</summary>
    Task InstallAsync(CancellationToken cancellationToken);

    /// <summary>Removes everything that install has created, in one transaction.</summary>
    Task RemoveAsync(CancellationToken cancellationToken);
}

/// <param name="Number">See the key accepts of a mapping.</param>
/// <param name="Checks">In the order of their dependence; no later ones after one that makes them impossible.</param>
/// <param name="Products">The products that the mapping was run for.</param>
/// <param name="Plan">How PostgreSQL reads them. Null: the SELECT cannot be planned.</param>
/// <param name="Script">The statements of install.</param>
public sealed record MappingReport(string Number, IReadOnlyList<Check> Checks, IReadOnlyList<MappedProduct> Products, string? Plan, string Script);

/// <param name="Body">The JSON that readers get. Null: see <paramref name="Fault"/>, or the product is absent.</param>
/// <param name="Fault">Why it cannot be served. Null: it can, or it is absent.</param>
/// <param name="ValidFor">How long it stays as it is without a change. Null: until a change.</param>
public sealed record MappedProduct(string Id, string? Body, string? Fault, TimeSpan? ValidFor, IReadOnlyList<string> Tags);
