using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ProductCache.Api.Http;

/// <summary>Of the meter ProductCache.Api: what became of requests to write.</summary>
internal sealed class WriteMetrics(IMeterFactory meters) : IEndpointFilter
{
    private readonly Counter<long> writes = meters.Create("ProductCache.Api").CreateCounter<long>(
        "productcache.writes", "{write}", "Requests to write a product, by outcome.");

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var result = await next(context);
        var outcome = result is ProblemHttpResult { ProblemDetails.Type: var type }
            ? Problems.All.First(problem => problem.Type == type).Outcome
            : context.HttpContext.Request.Method switch
            {
                "POST" => "created",
                "DELETE" => "deleted",
                _ => "updated",
            };
        writes.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        return result;
    }
}
