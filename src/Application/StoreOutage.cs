namespace ProductCache.Application;

/// <summary>A store that does not answer is one of a write's outcomes.</summary>
internal static class StoreOutage
{
    public static async Task<WriteResult> ToldAsync(Task<WriteResult> write)
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
