using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProductCache.Api.Hardening;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Hosting;

namespace ProductCache.UnitTests.Api.Hardening;

public sealed class SecurityHeadersTests
{
    [Test]
    public async Task AnExceptionDoesNotTakeTheSecurityHeadersFromItsAnswer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddKestrelLimits(new ConnectionLimitOptions(Max: 1, PerAddress: 1, Exempt: []), certificate: null);
        builder.Services.AddSecurityHeaders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddProblems();
        await using var application = builder.Build();
        application.UseExceptionHandler();
        application.UseSecurityHeaders();
        application.UseBodyLimit();
        application.MapGet("/", string () => throw new InvalidOperationException("Not foreseen."));
        await application.StartAsync();
        using var http = new HttpClient();

        using var answer = await http.GetAsync(new Uri(application.Urls.Single()));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(answer.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(new[] { "nosniff" }));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("traceId").And.Not.Contain("foreseen"));
    }
}
