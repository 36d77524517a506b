using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using ProductCache.Api.Products;

namespace ProductCache.Api.Hardening;

/// <summary>
/// Kestrel answers what it cannot even parse (a null character in the path, say) before any middleware, with an empty
/// body. The diagnostic event that it raises meanwhile is where a problem body can still be given to such an answer.
/// </summary>
internal sealed class RejectedRequests(DiagnosticListener diagnostics) : IHostedService, IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    private IDisposable? subscription;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        subscription = diagnostics.Subscribe(this, name => name == BadRequest);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        subscription?.Dispose();
        return Task.CompletedTask;
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Value is not IFeatureCollection features
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false } response
            || features.Get<IHttpResponseBodyFeature>() is not { } body
            || features.Get<IConnectionTransportFeature>() is not { } connection)
        {
            return;
        }

        response.StatusCode = (features.Get<IBadRequestExceptionFeature>()?.Error as BadHttpRequestException)?.StatusCode
            ?? StatusCodes.Status400BadRequest;
        var problem = JsonSerializer.SerializeToUtf8Bytes(
            new RejectedBody("about:blank", "The request is not valid HTTP", response.StatusCode), ApiJson.Default.RejectedBody);
        response.Headers.ContentType = "application/problem+json";
        response.Headers.ContentLength = problem.Length;
        SecurityHeaders.Write(response.Headers, isHttps: features.Get<ITlsConnectionFeature>() is not null);
        response.Headers.Connection = "close";

        // There is no body writer yet on a connection whose first request is refused, so the bytes follow the head by hand.
        // All of it is far below the connection's buffer, so nothing here waits; Kestrel then closes the connection.
        _ = body.StartAsync();
        connection.Transport.Output.Write(problem);
        _ = connection.Transport.Output.FlushAsync();
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }
}

internal sealed record RejectedBody(string Type, string Title, int Status);
