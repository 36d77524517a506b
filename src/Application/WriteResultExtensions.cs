namespace ProductCache.Application;

internal static class WriteResultExtensions
{
    /// <summary>Turns an unavailable store into a result of the write.</summary>
    public static async Task<WriteResult> UnavailableAsResult(this Task<WriteResult> write)
    {
        try
        {
            return await write;
        }
        catch (UnavailableException unavailable)
        {
            return new WriteResult.Unavailable(unavailable.Reason);
        }
    }
}
