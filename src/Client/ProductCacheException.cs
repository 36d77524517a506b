using System.Net;

namespace ProductCache.Client;

/// <summary>The service answered with an error (RFC 9457), or with none that can be used.</summary>
public class ProductCacheException : Exception
{
    /// <inheritdoc cref="ProductCacheException"/>
    public ProductCacheException(HttpStatusCode status, string? problem, string message, TimeSpan? retryAfter = null, Exception? cause = null)
        : base(message, cause) => (Status, Problem, RetryAfter) = (status, problem, retryAfter);

    /// <summary>The status of the response.</summary>
    public HttpStatusCode Status { get; }

    /// <summary>The name of the problem, for example <c>too-many-requests</c>: the end of its <c>type</c>. Null: the response had none.</summary>
    public string? Problem { get; }

    /// <summary>When a repetition may succeed. Null: the response does not say.</summary>
    public TimeSpan? RetryAfter { get; }
}

/// <summary>The product was requested and is not cached yet; a later read gets it.</summary>
public sealed class ProductPendingException(string id, TimeSpan? retryAfter)
    : ProductCacheException(HttpStatusCode.Accepted, null, $"Product {id} has been requested and is not cached yet.", retryAfter);

/// <summary>If-Match or If-None-Match did not hold: another writer was first.</summary>
public sealed class PreconditionFailedException(string problem, string message) : ProductCacheException(HttpStatusCode.PreconditionFailed, problem, message);

/// <summary>The limit of a client is exceeded.</summary>
public sealed class RateLimitedException(string problem, string message, TimeSpan? retryAfter) : ProductCacheException(HttpStatusCode.TooManyRequests, problem, message, retryAfter);

/// <summary>A server that the service needs does not answer. After a write, it is not known whether it happened.</summary>
public sealed class ServiceUnavailableException(string problem, string message, TimeSpan? retryAfter)
    : ProductCacheException(HttpStatusCode.ServiceUnavailable, problem, message, retryAfter);
