using System.Security.Cryptography;

namespace ProductCache.Infrastructure.Security;

/// <summary>Notices that the content of files has changed. By polling, because notifications of file systems do not reach every kind of mount.</summary>
public sealed class FileWatch(IReadOnlyList<string> files, TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Calls <paramref name="changed"/> after each change, until it is cancelled. Returns at once if there are no files.</summary>
    public async Task RunAsync(Action changed, CancellationToken cancellationToken)
    {
        if (files.Count == 0)
        {
            return;
        }

        var known = await FingerprintAsync(cancellationToken);
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            // A file that is missing is about to be replaced.
            if (await FingerprintAsync(cancellationToken) is { } current && current != known)
            {
                known = current;
                changed();
            }
        }
    }

    private async Task<string?> FingerprintAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var file in files)
            {
                hash.AppendData(await File.ReadAllBytesAsync(file, cancellationToken));
            }

            return Convert.ToHexString(hash.GetHashAndReset());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
