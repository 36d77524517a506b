using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class CacheNotificationTests
{
    [TestCase("e 1 heartbeat ", 1, "Heartbeat", new long[0])]
    [TestCase("e 2 filled 42", 2, "Filled", new[] { 42L })]
    [TestCase("e 3 changed 1,9223372036854775807,1", 3, "Changed", new[] { 1L, long.MaxValue, 1L })]
    [TestCase("e 9223372036854775807 changed ", long.MaxValue, "Changed", new long[0])]
    public void WhatIsPublishedIsRead(string text, long number, string kind, long[] ids)
    {
        Assert.That(CacheNotification.TryParse(text, out var notification), Is.True);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(notification.Epoch, Is.EqualTo("e"));
            Assert.That(notification.Number, Is.EqualTo(number));
            Assert.That(notification.Kind.ToString(), Is.EqualTo(kind));
            Assert.That(notification.Ids, Is.EqualTo(ids.Select(id => new ProductId(id))));
        }
    }

    [Test]
    public void EveryKindIsReadByItsName()
    {
        foreach (var kind in Enum.GetValues<NotificationKind>())
        {
            Assert.That(CacheNotification.TryParse($"e 1 {CacheNotification.NameOf(kind)} 42", out var notification), Is.True, $"{kind}");
            Assert.That(notification.Kind, Is.EqualTo(kind));
        }
    }

    [Test]
    public void WhatOnlyServesMeasurementsIsReadToo()
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
        Assert.That(CacheNotification.TryParse($"e 1 changed 42 {CacheNotification.DetailsOf(at, "00-x-y-01")}", out var notification), Is.True);

        Assert.That((notification.ChangedAt, notification.TraceParent), Is.EqualTo(((DateTimeOffset?)at, "00-x-y-01")));
    }

    [TestCase("e 1 changed 42 - -")]
    [TestCase("e 1 changed 42 x")]
    [TestCase("e 1 changed 42 -1 - part of a later version")]
    [TestCase("e 1 changed 42 9223372036854775807 -")]
    public void AnUnreadableTimeIsIgnored(string text)
    {
        Assert.That(CacheNotification.TryParse(text, out var notification), Is.True);
        Assert.That(notification.ChangedAt, Is.Null);
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("e")]
    [TestCase("e 1")]
    [TestCase("e 1 changed")]
    [TestCase(" 1 changed 42")]
    [TestCase("e x changed 42")]
    [TestCase("e  changed 42")]
    [TestCase("e -1 changed 42")]
    [TestCase("e 1.5 changed 42")]
    [TestCase("e 9223372036854775808 changed 42")]
    [TestCase("e 1  42")]
    [TestCase("e 1 purged 42")]
    [TestCase("e 1 Changed 42")]
    [TestCase("e 1 2 42")]
    [TestCase("e 1 changed 42,")]
    [TestCase("e 1 changed ,42")]
    [TestCase("e 1 changed ..")]
    [TestCase("e 1 changed %")]
    [TestCase("e 1 changed a%2")]
    [TestCase("e 1 changed a%2d")]
    [TestCase("e 1 changed {1}")]
    [TestCase("e 1 changed 42,a%0Ab 43 -")]
    public void AnythingElseIsNotRead(string? text) => Assert.That(CacheNotification.TryParse(text, out _), Is.False);
}
