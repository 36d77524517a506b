namespace ProductCache.Client;

/// <param name="Body">JSON. Null: there is no such product.</param>
internal sealed record RawProduct(byte[]? Body, long Version, string? ETag);
