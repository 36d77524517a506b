using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class OutcomeMetricsTests
{
    [TestCase("POST", "created")]
    [TestCase("PUT", "updated")]
    [TestCase("PATCH", "updated")]
    [TestCase("DELETE", "deleted")]
    public async Task AWriteIsCountedByWhatItDid(string method, string outcome) =>
        Assert.That(await OutcomesAsync(method, TypedResults.NoContent()), Is.EqualTo(new[] { outcome }));

    [Test]
    public async Task ARefusalIsCountedByItsProblem() => Assert.That(
        await OutcomesAsync("POST", Problems.Create(Problems.BodyTooSlow, "Too slow.")), Is.EqualTo(new[] { Problems.BodyTooSlow.Outcome }));

    [Test]
    public async Task TheAnswerThatARouteChoseIsCounted()
    {
        Results<NoContent, ProblemHttpResult> chosen = Problems.Create(Problems.NoSuchProduct, "Not there.");

        Assert.That(await OutcomesAsync("DELETE", chosen), Is.EqualTo(new[] { Problems.NoSuchProduct.Outcome }));
    }

    [Test]
    public async Task ABatchCountsOnceForEachProductAndAListNotAtAll()
    {
        Assert.That(await OutcomesAsync("GET", new CountedResult(TypedResults.Ok(), "hit", "absent", "hit")), Is.EqualTo(new[] { "hit", "absent", "hit" }));
        Assert.That(await OutcomesAsync("GET", new CountedResult(TypedResults.Ok())), Is.Empty);
        Assert.That(await OutcomesAsync("GET", TypedResults.StatusCode(StatusCodes.Status304NotModified)), Is.Empty);
    }

    private static async Task<List<string?>> OutcomesAsync(string method, IResult result)
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        List<string?> outcomes = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Name == "productcache.writes" && instrument.Meter.Scope == meters)
            {
                to.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) => outcomes.AddRange(Enumerable.Repeat((string?)tags[0].Value, (int)count)));
        listener.Start();

        var http = new DefaultHttpContext { Request = { Method = method } };
        var answered = await new OutcomeMetrics(meters).Writes.InvokeAsync(new DefaultEndpointFilterInvocationContext(http), _ => ValueTask.FromResult<object?>(result));

        Assert.That(answered, Is.SameAs(result));
        return outcomes;
    }
}
