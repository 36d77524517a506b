namespace ProductCache.Cli;

/// <summary>The exit codes of all verbs.</summary>
internal static class ExitCode
{
    public const int Succeeded = 0;

    /// <summary>The verb did its work and found something: differences, faults, a product that is not as the store has it.</summary>
    public const int Found = 1;

    /// <summary>An argument or a setting is wrong, or a confirmation is missing. Nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>A server does not answer, or refuses. What was done before is done.</summary>
    public const int Unavailable = 3;

    /// <summary>Interrupted by Ctrl-C.</summary>
    public const int Interrupted = 130;
}
