using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Error replies that are about the state of the server or the rights of our user: the same for every key, until an operator acts.</summary>
internal static class RedisRefusal
{
    private static readonly Dictionary<string, string> Sentences = new()
    {
        ["OOM"] = "Redis refuses writes: its memory is full",
        ["READONLY"] = "Redis refuses writes: it is a read-only replica",
        ["NOREPLICAS"] = "Redis refuses writes: it has too few replicas",
        ["MISCONF"] = "Redis refuses writes: it cannot save its data to disk",
        ["NOPERM"] = "Redis refuses commands: its user lacks a permission",
        ["NOAUTH"] = "Redis refuses commands: it requires a password",
        ["WRONGPASS"] = "Redis refuses the login: the password is wrong",
        ["DENIED"] = "Redis refuses connections: it is in protected mode",
        ["LOADING"] = "Redis is loading its data",
        ["MASTERDOWN"] = "Redis is a replica that has lost its primary",
        ["CLUSTERDOWN"] = "The Redis Cluster does not serve all slots",
        ["TRYAGAIN"] = "The Redis Cluster is moving a slot",
        ["MOVED"] = "The Redis Cluster has moved a slot",
        ["ASK"] = "The Redis Cluster is moving a slot",
        ["BUSY"] = "Redis is busy with a script of another client",
        ["UNBLOCKED"] = "Redis has changed its role",
        ["MAXCLIENTS"] = "Redis refuses connections: it has too many clients",
        ["COMMAND"] = "Redis refuses a command that it does not know",
    };

    /// <summary>Replies without a code of their own, and the code that they count as.</summary>
    private static readonly (string Start, string Code)[] Uncoded =
    [
        ("ERR max number of clients", "MAXCLIENTS"),
        ("ERR unknown command", "COMMAND"),
        ("ERR operation not permitted", "NOAUTH"),

        // Redis 7.0 answers so where a command inside of a script is not permitted.
        ("ERR The user executing the script can't", "NOPERM"),
    ];

    /// <summary>Redis before 7 puts the code of a command that fails inside of a script behind this.</summary>
    private const string InsideOfScript = "ERR Error running script";

    /// <summary>Such a reply as a sentence with its code. Null: the error is about the keys of the command.</summary>
    public static string? ReasonOf(string message)
    {
        var code = CodeOf(message);
        return code is null ? null : $"{Sentences[code]} ({code})";
    }

    /// <summary>Of a connection that was not made because of its login. Null: for another reason, or it was made.</summary>
    public static string? LoginReasonOf(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure })
            {
                return "Redis refuses the login: the password is wrong or missing (AUTH)";
            }
        }

        return null;
    }

    /// <summary>Whether our user lacks the permission for the command.</summary>
    public static bool IsPermission(string message) => CodeOf(message) == "NOPERM";

    private static string? CodeOf(string message)
    {
        foreach (var (start, code) in Uncoded)
        {
            if (message.StartsWith(start, StringComparison.Ordinal))
            {
                return code;
            }
        }

        var words = message.Split(' ');
        return message.StartsWith(InsideOfScript, StringComparison.Ordinal)
            ? words.Select(word => word.TrimStart('-')).FirstOrDefault(Sentences.ContainsKey)
            : Sentences.ContainsKey(words[0]) ? words[0] : null;
    }
}
