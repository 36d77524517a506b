using System.Security.Authentication;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Error replies that concern the state of the server or the permissions of the user: they are the same for every key until an operator acts.</summary>
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

    /// <summary>Replies without a specific code, and the code that is assigned to them.</summary>
    private static readonly (string Start, string Code)[] Uncoded =
    [
        ("ERR max number of clients", "MAXCLIENTS"),
        ("ERR unknown command", "COMMAND"),
        ("ERR operation not permitted", "NOAUTH"),

        // Redis 7.0 sends this reply for a command inside a script that is not permitted.
        ("ERR The user executing the script can't", "NOPERM"),
    ];

    /// <summary>Before version 7, Redis puts the code of a command that fails inside a script after this text.</summary>
    private const string InsideOfScript = "ERR Error running script";

    /// <summary>Returns the sentence and the code of a refusal. Null: the error concerns the keys of the command.</summary>
    public static string? ReasonOf(string message)
    {
        var code = CodeOf(message);
        return code is null ? null : $"{Sentences[code]} ({code})";
    }

    /// <summary>Returns the reason if a connection failed because of its login. Null: it did not.</summary>
    public static string? LoginReasonOf(Exception? exception) =>
        // The client library calls a failed handshake of TLS a failed authentication too.
        !IsHandshake(exception) && exception.AndCauses().Any(IsOfLogin) ? "Redis refuses the login: the password is wrong or missing (AUTH)" : null;

    /// <summary>Whether a connection failed because of its TLS handshake.</summary>
    public static bool IsHandshake(Exception? exception) => exception.AndCauses().OfType<AuthenticationException>().Any();

    /// <summary>Whether the user lacks the permission for the command.</summary>
    public static bool IsPermission(string message) => CodeOf(message) == "NOPERM";

    private static bool IsOfLogin(Exception cause) =>
        cause is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure }
        || cause.Message.Contains("NOAUTH", StringComparison.Ordinal) || cause.Message.Contains("WRONGPASS", StringComparison.Ordinal);

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
