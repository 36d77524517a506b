using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ProductCache.TestSupport.Servers;

/// <summary>A request as it arrived.</summary>
/// <param name="Headers">Names in lower case.</param>
public sealed record ReceivedRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>Stands for a service of another company: keeps the requests, and answers as a test says.</summary>
public sealed class FakeHttpServer : IAsyncDisposable
{
    private readonly ConcurrentQueue<ReceivedRequest> requests = new();
    private readonly WebApplication host;

    private FakeHttpServer(Func<ReceivedRequest, HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{Port}");
        host = builder.Build();
        host.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var request = new ReceivedRequest(
                context.Request.Method,
                context.Request.Path + context.Request.QueryString,
                context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString()),
                await reader.ReadToEndAsync());
            requests.Enqueue(request);
            await answer(request, context);
        });
    }

    public int Port { get; } = TestServer.FreePort();

    public Uri Url => new($"http://127.0.0.1:{Port}");

    public IReadOnlyCollection<ReceivedRequest> Requests => requests;

    /// <param name="answer">Null: 200 without a body.</param>
    public static async Task<FakeHttpServer> StartAsync(Func<ReceivedRequest, HttpContext, Task>? answer = null)
    {
        var server = new FakeHttpServer(answer ?? ((_, _) => Task.CompletedTask));
        await server.host.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => host.DisposeAsync();
}
