using System.Text.Json;

namespace ProductCache.Client;

/// <summary>How a client talks to the service.</summary>
public sealed class ProductCacheClientOptions
{
    /// <summary>The most products that one request reads; the service has the same limit.</summary>
    public const int MaxBatch = 200;

    /// <summary>The address of the service, for example <c>https://products.example/</c>. A path at its end counts.</summary>
    public Uri? BaseAddress { get; set; }

    /// <summary>An API key or a token. Null: reads without a credential.</summary>
    public string? Credential { get; set; }

    /// <summary>How long a read waits for others that it can be sent with; 0: each read is a request of its own.</summary>
    public TimeSpan BatchWindow { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>The number of products whose bodies are kept with their tags, so that the service can answer 304; 0: none.</summary>
    public int KeptBodies { get; set; } = 1_000;

    /// <summary>How often a product that is not cached yet (202) is asked for, before <see cref="ProductPendingException"/>.</summary>
    public int PendingAttempts { get; set; } = 3;

    /// <summary>For how long reads of a product require the version that this client wrote.</summary>
    public TimeSpan OwnWritesKept { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How bodies are read and written.</summary>
    public JsonSerializerOptions Json { get; set; } = new(JsonSerializerDefaults.Web);
}
