using System.Security.Cryptography;

namespace ProductCache.Infrastructure.Security;

/// <summary>A value that is parsed from files, and parsed again when their content changes.</summary>
/// <param name="parse">Throws if the content is not valid: then the last valid value is kept, since a file may be read while it is replaced.</param>
public sealed class ReloadedFile<T>(IReadOnlyList<string> paths, Func<IReadOnlyList<string>, T> parse)
    where T : class
{
    private readonly Lock gate = new();

    // Only under the gate.
    private byte[]? fingerprint;
    private T? value;

    /// <summary>The value of the current content. The files are small and are read for each connection, not for each request.</summary>
    /// <exception cref="IOException">A file cannot be read, and there is no earlier value.</exception>
    public T Current
    {
        get
        {
            lock (gate)
            {
                try
                {
                    List<string> texts = [.. paths.Select(File.ReadAllText)];
                    var read = SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(string.Join('\0', texts)));
                    if (value is null || !read.AsSpan().SequenceEqual(fingerprint))
                    {
                        value = parse(texts);
                        fingerprint = read;
                    }
                }
                catch (Exception exception) when (value is not null && IsFault(exception))
                {
                }

                return value;
            }
        }
    }

    /// <summary>Whether an exception of <see cref="Current"/> says that a file is missing, not readable or not valid.</summary>
    public static bool IsFault(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException or FormatException;
}
