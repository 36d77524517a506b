using Confluent.Kafka;
using MassTransit.KafkaIntegration;

namespace ProductCache.UnitTests.KafkaRider;

public sealed class ErrorTextTests
{
    [TestCase(ErrorCode.TopicAuthorizationFailed, "orders", null, "WRITE on topic orders is not granted")]
    [TestCase(ErrorCode.TopicAuthorizationFailed, "orders", "billing", "READ on topic orders is not granted")]
    [TestCase(ErrorCode.GroupAuthorizationFailed, "orders", "billing", "READ on group billing is not granted")]
    [TestCase(ErrorCode.ClusterAuthorizationFailed, null, null, "WRITE is not granted on any topic")]
    public void AMissingGrantIsNamed(ErrorCode code, string? topic, string? group, string sentence)
    {
        Assert.That(ErrorText.Of(new Error(code, "as the broker says it"), topic, group), Is.EqualTo(sentence));
    }

    [TestCase(ErrorCode.Local_Authentication, "authentication failed, check mechanism, user and password: as the broker says it")]
    [TestCase(ErrorCode.SaslAuthenticationFailed, "authentication failed, check mechanism, user and password: as the broker says it")]
    [TestCase(ErrorCode.Local_Ssl, "TLS connection failed, check the port and the CA certificate: as the broker says it")]
    public void WhoIsNotLetInIsToldWhatToCheck(ErrorCode code, string sentence)
    {
        Assert.That(ErrorText.Of(new Error(code, "as the broker says it")), Is.EqualTo(sentence));
    }

    [TestCase(ErrorCode.TopicAuthorizationFailed)]
    [TestCase(ErrorCode.GroupAuthorizationFailed)]
    [TestCase(ErrorCode.NotLeaderForPartition)]
    public void WhatIsNotKnownStaysAsTheBrokerSaysIt(ErrorCode code)
    {
        Assert.That(ErrorText.Of(new Error(code, "as the broker says it")), Is.EqualTo("as the broker says it"));
    }

    [Test]
    public void AMissingGrantAndAMissingLoginAreDifferentThings()
    {
        var codes = Enum.GetValues<ErrorCode>().Distinct().ToList();

        Assert.That(
            codes.Where(code => ErrorText.IsDenial(new Error(code))),
            Is.EquivalentTo(new[] { ErrorCode.TopicAuthorizationFailed, ErrorCode.GroupAuthorizationFailed }));
        Assert.That(
            codes.Where(code => ErrorText.IsRejection(new Error(code))),
            Is.EquivalentTo(new[] { ErrorCode.Local_Authentication, ErrorCode.SaslAuthenticationFailed, ErrorCode.Local_Ssl }));
    }
}
