using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>What an error means for those who run the application: one sentence that says what to do, where it is known.</summary>
internal static class ErrorText
{
    /// <summary>The sentence for an error with a topic.</summary>
    /// <param name="error">As the client tells it.</param>
    /// <param name="topic">What was read or written; none: the error is of no topic.</param>
    /// <param name="group">Who read it; none: it was written.</param>
    public static string Of(Error error, string? topic = null, string? group = null) => error.Code switch
    {
        ErrorCode.TopicAuthorizationFailed when topic is not null && group is null => $"the topic {topic} may not be written: grant WRITE on topic {topic}",
        ErrorCode.TopicAuthorizationFailed when topic is not null => $"the topic {topic} may not be read: grant READ on topic {topic}",
        ErrorCode.GroupAuthorizationFailed when group is not null => $"the group {group} may not be read: grant READ on group {group}",

        // Brokers give the number that makes a producer idempotent to whoever may write anything at all.
        ErrorCode.ClusterAuthorizationFailed => "no topic may be written: grant WRITE on the topics that are produced to",
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed => $"authentication failed, check mechanism, user and password: {error.Reason}",
        ErrorCode.Local_Ssl => $"no encrypted connection, check the port and the CA certificate: {error.Reason}",
        _ => error.Reason,
    };

    /// <summary>Whether a grant is missing. The client says so once and is silent until it is let in, if it ever is.</summary>
    public static bool IsDenial(Error error) => error.Code is ErrorCode.TopicAuthorizationFailed or ErrorCode.GroupAuthorizationFailed;

    /// <summary>Whether a broker does not let the client in. The client says so several times a second.</summary>
    public static bool IsRejection(Error error) => error.Code is ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed or ErrorCode.Local_Ssl;
}
