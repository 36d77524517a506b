using Microsoft.Extensions.Time.Testing;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class ProductEventsTests
{
    private const string Epoch = "a.b";

    private static readonly ProductId One = new(1);
    private static readonly ProductId Two = new(2);

    private FakeTimeProvider time = null!;
    private ProductEvents events = null!;

    [SetUp]
    public void SetUp()
    {
        time = new FakeTimeProvider(Sample.Time);
        events = new ProductEvents(time, TimeSpan.FromSeconds(1.5));
        events.OnNotification(Epoch, 1, []);
    }

    [Test]
    public void ASubscriberHearsOfItsProductsOnce()
    {
        using var subscription = events.Subscribe([One], after: null, out var isResumed);
        subscription.Take(out var woken);

        events.OnNotification(Epoch, 2, [Two]);
        Assert.That((isResumed, woken.IsCompleted), Is.EqualTo((false, false)));
        events.OnNotification(Epoch, 3, [One]);
        events.OnNotification(Epoch, 4, [One, Two]);

        Assert.That(woken.IsCompleted, Is.True);
        var updates = subscription.Take(out _);
        Assert.That((updates.Ids, updates.Position, updates.IsLost, updates.IsSure), Is.EqualTo((new[] { One }, new EventPosition(Epoch, 4), false, true)));
        Assert.That(subscription.Take(out _).Ids, Is.Empty);
    }

    [TestCase(2, "1")]
    [TestCase(3, "")]
    [TestCase(1, "1,2")]
    public void ASubscriberThatComesAgainHearsWhatItMissed(int seen, string ids)
    {
        events.OnNotification(Epoch, 2, [Two]);
        events.OnNotification(Epoch, 3, [One]);

        using var subscription = events.Subscribe([One, Two], new EventPosition(Epoch, seen), out var isResumed);

        Assert.That(isResumed, Is.True);
        Assert.That(string.Join(',', subscription.Take(out _).Ids.OrderBy(id => id.Value)), Is.EqualTo(ids));
    }

    [TestCase("other", 1)]
    [TestCase(Epoch, 9)]
    [TestCase(Epoch, 0)]
    public void OneThatCannotBeResumedBeginsAgain(string epoch, int seen)
    {
        using var subscription = events.Subscribe([One], new EventPosition(epoch, seen), out var isResumed);

        Assert.That(isResumed, Is.False);
    }

    [Test]
    public void BeyondTheHistoryASubscriberBeginsAgain()
    {
        for (var i = 2; i < ProductEvents.MaxHistory + 4; i++)
        {
            events.OnNotification(Epoch, i, [One]);
        }

        using var late = events.Subscribe([One], new EventPosition(Epoch, 2), out var isResumed);
        using var early = events.Subscribe([One], new EventPosition(Epoch, 3), out var isEarlyResumed);
        Assert.That((isResumed, isEarlyResumed), Is.EqualTo((false, true)));
    }

    [TestCase(Epoch, 3, 0, Description = "a gap")]
    [TestCase("other", 2, 0, Description = "another epoch")]
    [TestCase(Epoch, 2, 2, Description = "a silence")]
    public void WhatMayHaveBeenMissedIsReadAgain(string epoch, int number, int silence)
    {
        using var subscription = events.Subscribe([One, Two], after: null, out _);
        using var all = events.Subscribe(null, after: null, out _);
        subscription.Take(out _);
        time.Advance(TimeSpan.FromSeconds(silence));

        events.OnNotification(epoch, number, []);

        Assert.That(subscription.Take(out _).Ids, Is.EquivalentTo(new[] { One, Two }));
        Assert.That(all.Take(out _).IsLost, Is.True);
    }

    [Test]
    public void AnUnreadableNotificationMayBeAboutAnyProduct()
    {
        using var subscription = events.Subscribe([One], after: null, out _);
        subscription.Take(out _);

        events.OnUnreadableNotification();

        var updates = subscription.Take(out _);
        Assert.That((updates.Ids, updates.Position, updates.IsSure), Is.EqualTo((new[] { One }, (EventPosition?)null, false)));
    }

    [Test]
    public void ASilenceIsTold()
    {
        using var subscription = events.Subscribe([One], after: null, out _);
        subscription.Take(out var woken);
        time.Advance(TimeSpan.FromSeconds(1.4));
        events.CheckSilence();
        Assert.That(woken.IsCompleted, Is.False);

        time.Advance(TimeSpan.FromSeconds(0.2));
        events.CheckSilence();

        Assert.That((woken.IsCompleted, subscription.Take(out _).IsSure, events.IsSure), Is.EqualTo((true, false, false)));
    }

    [Test]
    public void ASubscriberOfAllThatIsTooSlowBeginsAgain()
    {
        using var subscription = events.Subscribe(null, after: null, out _);
        events.OnNotification(Epoch, 2, [.. Enumerable.Range(1, ProductSubscription.MaxPending).Select(id => new ProductId(id))]);
        Assert.That(subscription.Take(out _), Has.Property("IsLost").False.And.Property("Ids").Count.EqualTo(ProductSubscription.MaxPending));
        events.OnNotification(Epoch, 3, [.. Enumerable.Range(1, ProductSubscription.MaxPending + 1).Select(id => new ProductId(id))]);

        Assert.That(subscription.Take(out _).IsLost, Is.True);
    }

    [Test]
    public void AfterItsEndASubscriptionHearsNothing()
    {
        var subscription = events.Subscribe([One], after: null, out _);
        subscription.Dispose();

        events.OnNotification(Epoch, 2, [One]);

        Assert.That(subscription.Take(out _).Ids, Is.Empty);
    }

    [TestCase("a.b:42", "a.b", 42)]
    [TestCase("a:b:0", "a:b", 0)]
    public void APositionIsReadAsItWasWritten(string text, string epoch, long number)
    {
        var position = EventPosition.Parse(text);

        Assert.That(position, Is.EqualTo(new EventPosition(epoch, number)));
        Assert.That(position.ToString(), Is.EqualTo(text));
    }

    [TestCase("")]
    [TestCase(null)]
    [TestCase(":1")]
    [TestCase("a")]
    [TestCase("a:")]
    [TestCase("a:-1")]
    [TestCase("a:99999999999999999999")]
    public void OtherTextsAreNoPosition(string? text) => Assert.That(EventPosition.Parse(text), Is.Null);
}
