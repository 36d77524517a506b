namespace ProductCache.Infrastructure;

internal static class ExceptionChain
{
    /// <summary>The exception and its causes, from the outermost to the innermost. Null: none.</summary>
    public static IEnumerable<Exception> AndCauses(this Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            yield return exception;
        }
    }
}
