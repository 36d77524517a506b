using Confluent.Kafka;

namespace MassTransit.KafkaIntegration;

/// <summary>Translates errors for operators: one sentence that says what to do, if that is known.</summary>
internal static class ErrorText
{
    /// <summary>The sentence for an error with a topic.</summary>
    /// <param name="error">The error of the client.</param>
    /// <param name="topic">The topic that was read or written; null: the error concerns no topic.</param>
    /// <param name="group">The group that read it; null: it was written.</param>
    public static string Of(Error error, string? topic = null, string? group = null) => error.Code switch
    {
        ErrorCode.TopicAuthorizationFailed when topic is not null && group is null => $"WRITE on topic {topic} is not granted",
        ErrorCode.TopicAuthorizationFailed when topic is not null => $"READ on topic {topic} is not granted",
        ErrorCode.GroupAuthorizationFailed when group is not null => $"READ on group {group} is not granted",

        // Brokers assign the id of an idempotent producer to every client that may write at least one topic.
        ErrorCode.ClusterAuthorizationFailed => "WRITE is not granted on any topic",
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed => $"authentication failed, check mechanism, user and password: {error.Reason}",
        ErrorCode.Local_Ssl => $"TLS connection failed, check the port and the CA certificate: {error.Reason}",
        _ => error.Reason,
    };

    /// <summary>Whether a grant is missing. The client reports that once, and then nothing until it has access.</summary>
    public static bool IsDenial(Error error) => error.Code is ErrorCode.TopicAuthorizationFailed or ErrorCode.GroupAuthorizationFailed;

    /// <summary>Whether a broker rejects the login or the connection. The client reports that several times per second.</summary>
    public static bool IsRejection(Error error) => error.Code is ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed or ErrorCode.Local_Ssl;
}
