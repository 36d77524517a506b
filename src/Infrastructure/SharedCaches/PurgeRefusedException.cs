namespace ProductCache.Infrastructure.SharedCaches;

/// <summary>A shared cache will not purge these products however often it is asked; the message is one sentence.</summary>
internal sealed class PurgeRefusedException(string message) : Exception(message);
