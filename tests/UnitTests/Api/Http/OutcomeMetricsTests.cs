using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class WriteMetricsTests
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
        var answered = await new WriteMetrics(meters).InvokeAsync(new DefaultEndpointFilterInvocationContext(http), _ => ValueTask.FromResult<object?>(result));

        Assert.That(answered, Is.SameAs(result));
        return outcomes;
    }
}
