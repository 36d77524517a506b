namespace ProductCache.Contracts;

/// <summary>The Kafka topics of ProductCache. A record that cannot be processed goes to the topic's name plus <see cref="DeadLetterSuffix"/>.</summary>
public static class Topics
{
    /// <summary>Carries <see cref="ProductRequested"/>; the key is the product id as text.</summary>
    public const string ProductRequests = "product-requests";

    /// <summary>
    /// Carries <see cref="ProductChanged"/>; the key is the product id as text. Compacted, and limited in time: it
    /// keeps the last change of a product for seven days, and every change for one.
    /// </summary>
    public const string ProductChanges = "product-changes";

    /// <summary>What follows the name of a topic in the name of its dead-letter topic.</summary>
    public const string DeadLetterSuffix = ".dead-letter";

    /// <summary>All topics that the service needs, dead-letter topics included.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        ProductRequests, ProductRequests + DeadLetterSuffix,
        ProductChanges, ProductChanges + DeadLetterSuffix,
    ];
}
