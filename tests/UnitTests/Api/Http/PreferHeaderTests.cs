using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class PreferHeaderTests
{
    [TestCase("wait=5")]
    [TestCase("wait=\"5\"")]
    [TestCase("Wait=5")]
    [TestCase(" wait = 5 ")]
    [TestCase("wait=5; note=x")]
    [TestCase("respond-async, wait=5")]
    [TestCase("wait=5,return=minimal")]
    [TestCase("respond-async,wait=5 , handling=lenient")]
    [TestCase("note=\"a, wait=7\", wait=5")]
    [TestCase("note=\"a\\\", wait=7\", wait=5")]
    [TestCase("note=\"not closed, wait=5")]
    [TestCase("wait=soon, wait=5")]
    public void TheWaitIsReadAmongOtherPreferences(string line) => Assert.That(WaitOf(line), Is.EqualTo(TimeSpan.FromSeconds(5)));

    [Test]
    public void TheWaitIsReadFromAnyHeaderLine() =>
        Assert.That(WaitOf("respond-async", "handling=lenient, wait=5"), Is.EqualTo(TimeSpan.FromSeconds(5)));

    [TestCase("wait=5", "wait=7")]
    [TestCase("wait=5, wait=7")]
    public void TheFirstOfTwoWaitsCounts(params string[] lines) => Assert.That(WaitOf(lines), Is.EqualTo(TimeSpan.FromSeconds(5)));

    [TestCase("wait=10", 10)]
    [TestCase("wait=11", 10)]
    [TestCase("wait=100", 10)]
    [TestCase("wait=2147483647", 10)]
    [TestCase("wait=0", 0)]
    public void AWaitIsTenSecondsAtMost(string line, int seconds) => Assert.That(WaitOf(line), Is.EqualTo(TimeSpan.FromSeconds(seconds)));

    [TestCase("")]
    [TestCase(",")]
    [TestCase("wait")]
    [TestCase("wait=")]
    [TestCase("wait=soon")]
    [TestCase("wait=-5")]
    [TestCase("wait=+5")]
    [TestCase("wait=1.5")]
    [TestCase("wait=٣")]
    [TestCase("await=5")]
    [TestCase("waiting=5")]
    [TestCase("note; wait=5")]
    [TestCase("=5")]
    public void WhatIsNotAWaitIsIgnored(string line) => Assert.That(WaitOf(line), Is.Null);

    [TestCase("respond-async")]
    [TestCase("Respond-Async; note=x, handling=lenient")]
    [TestCase("wait=soon, respond-async")]
    public void AnAsynchronousAnswerIsNotWaitedFor(string line) => Assert.That(WaitOf(line), Is.EqualTo(TimeSpan.Zero));

    [Test]
    public void WithoutTheHeaderThereIsNoWait() => Assert.That(PreferHeader.ReadWait(new HeaderDictionary()), Is.Null);

    [Test]
    public void TheWaitThatAppliesIsEchoed()
    {
        var headers = new HeaderDictionary();

        PreferHeader.Applied(headers, WaitOf("wait=100"));

        Assert.That(headers["Preference-Applied"].ToString(), Is.EqualTo("wait=10"));
    }

    [TestCase(null)]
    [TestCase("wait=0")]
    public void NoWaitIsNotEchoed(string? line)
    {
        var headers = new HeaderDictionary();

        PreferHeader.Applied(headers, line is null ? null : WaitOf(line));

        Assert.That(headers.ContainsKey("Preference-Applied"), Is.False);
    }

    private static TimeSpan? WaitOf(params string[] lines) => PreferHeader.ReadWait(new HeaderDictionary { ["Prefer"] = new StringValues(lines) });
}
