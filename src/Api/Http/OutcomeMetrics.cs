using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ProductCache.Api.Http;

/// <summary>The counters of the meter ProductCache.Api that have the tag <c>outcome</c>.</summary>
internal sealed class OutcomeMetrics
{
    public OutcomeMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("ProductCache.Api");
        Reads = new OutcomeCounter(meter.CreateCounter<long>("productcache.reads", "{read}", "Reads of a product, by outcome."));
        Writes = new OutcomeCounter(meter.CreateCounter<long>("productcache.writes", "{write}", "Requests to write a product, by outcome."));
        Refused = new OutcomeCounter(meter.CreateCounter<long>("productcache.refused", "{request}", "Requests without the required credential, by outcome."));
    }

    public OutcomeCounter Reads { get; }

    public OutcomeCounter Writes { get; }

    public OutcomeCounter Refused { get; }
}

/// <summary>
/// Counts requests by their outcome. As an endpoint filter it takes the outcome from the result of the handler: a problem has one in the
/// table of <see cref="Problems"/>, an <see cref="ICountedResult"/> knows its own.
/// </summary>
internal sealed class OutcomeCounter(Counter<long> counter) : IEndpointFilter
{
    public void Count(string outcome) => counter.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var result = await next(context);
        Count(result is INestedHttpResult nested ? nested.Result : result, context.HttpContext.Request.Method);
        return result;
    }

    private void Count(object? result, string method)
    {
        switch (result)
        {
            case ICountedResult counted:
                counted.Count(this);
                break;
            case ProblemHttpResult { ProblemDetails.Type: var type }:
                Count(Problems.All.First(problem => problem.Type == type).Outcome);
                break;
            default:
                CountSuccess(method);
                break;
        }
    }

    private void CountSuccess(string method)
    {
        if (HttpMethods.IsPost(method))
        {
            Count("created");
        }
        else if (HttpMethods.IsDelete(method))
        {
            Count("deleted");
        }
        else if (HttpMethods.IsPut(method) || HttpMethods.IsPatch(method))
        {
            Count("updated");
        }
    }
}

/// <summary>A result that is not counted by its method or its problem.</summary>
internal interface ICountedResult : IResult
{
    void Count(OutcomeCounter counter);
}

/// <summary>A result that counts as the given outcomes: one for each product of a batch, none for a list.</summary>
internal sealed class CountedResult(IResult result, params string[] outcomes) : ICountedResult
{
    public void Count(OutcomeCounter counter)
    {
        foreach (var outcome in outcomes)
        {
            counter.Count(outcome);
        }
    }

    public Task ExecuteAsync(HttpContext httpContext) => result.ExecuteAsync(httpContext);
}

internal static class OutcomeMetricsRegistration
{
    /// <summary>Counts the requests to these routes. As metadata the counter also serves those that are refused before the handler.</summary>
    public static RouteGroupBuilder CountOutcomes(this RouteGroupBuilder routes, OutcomeCounter counter) =>
        routes.AddEndpointFilter(counter).WithMetadata(counter);
}
