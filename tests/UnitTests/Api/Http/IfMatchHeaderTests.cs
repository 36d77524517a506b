using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class IfMatchHeaderTests
{
    [TestCase("5", "\"5\"")]
    [TestCase("5,6", "\"5\", \"6\"")]
    [TestCase("5,6", "\"5\"", "\"6\"")]
    [TestCase("5,6", "\"5\",, \"6\",", Description = "empty members are ignored")]
    [TestCase("", "W/\"5\"", Description = "a weak tag matches nothing")]
    [TestCase("6", "W/\"5\",\"6\"")]
    [TestCase("", "\"x\"")]
    [TestCase("6", "\"a\\\", \"6\"", Description = "a backslash escapes nothing in a tag")]
    [TestCase("6", "\"a,b\", \"6\"")]
    [TestCase("", "\"05\"")]
    [TestCase("any", "*")]
    [TestCase("any")]
    public void IfMatchNamesTheVersionsOfWhichOneMustBeThere(string expected, params string[] lines)
    {
        Assert.That(IfMatchHeader.TryRead(Headers("If-Match", lines), out var condition), Is.True);
        Assert.That(condition?.OneOf is { } versions ? string.Join(',', versions) : "any", Is.EqualTo(expected));
        Assert.That(condition?.NoneOf, Is.Null);
    }

    [TestCase("5", "\"5\"")]
    [TestCase("5,6", "W/\"5\", \"6\"", Description = "a weak tag matches as well")]
    [TestCase("", "\"x\"")]
    [TestCase("none", "*")]
    [TestCase("any")]
    public void IfNoneMatchNamesTheVersionsOfWhichNoneMayBeThere(string expected, params string[] lines)
    {
        Assert.That(IfMatchHeader.TryRead(Headers("If-None-Match", lines), out var condition), Is.True);
        Assert.That(condition is null ? "any" : condition.IsNever ? "none" : string.Join(',', condition.NoneOf!), Is.EqualTo(expected));
    }

    [TestCase("*", "*", 5, false)]
    [TestCase("*", "\"4\"", 5, true)]
    [TestCase("*", "\"5\"", 5, false)]
    [TestCase("\"5\"", "\"4\"", 5, true)]
    [TestCase("\"4\"", "\"3\"", 5, false)]
    [TestCase("\"5\"", "\"5\"", 5, false)]
    public void BothConditionsMustBeMet(string match, string noneMatch, long version, bool isAllowed)
    {
        Assert.That(IfMatchHeader.TryRead(new HeaderDictionary { ["If-Match"] = match, ["If-None-Match"] = noneMatch }, out var condition), Is.True);
        Assert.That(condition?.Allows(new(version)) ?? true, Is.EqualTo(isAllowed));
    }

    [TestCase("")]
    [TestCase(",")]
    [TestCase("5")]
    [TestCase("w/\"5\"")]
    [TestCase("\"5")]
    [TestCase("\"5\" \"6\"")]
    [TestCase("*, \"5\"")]
    [TestCase("*, *")]
    [TestCase("\"5\"", "nonsense")]
    public void WhatIsNoListOfEntityTagsIsRefused(params string[] lines)
    {
        Assert.That(IfMatchHeader.TryRead(Headers("If-Match", lines), out _), Is.False);
        Assert.That(IfMatchHeader.TryRead(Headers("If-None-Match", lines), out _), Is.False);
    }

    // Where there is no entity tag, only * can match.
    [TestCase("GET", "If-Match", "*", null)]
    [TestCase("GET", "If-Match", "\"5\"", 412)]
    [TestCase("GET", "If-Match", "5", 400)]
    [TestCase("GET", "If-None-Match", "*", 304)]
    [TestCase("HEAD", "If-None-Match", "*", 304)]
    [TestCase("GET", "If-None-Match", "\"5\"", null)]
    [TestCase("GET", "If-None-Match", "5", null)]
    [TestCase("POST", "If-Match", "*", null)]
    [TestCase("POST", "If-Match", "\"5\"", 412)]
    [TestCase("POST", "If-None-Match", "*", 412)]
    [TestCase("POST", "If-None-Match", "\"5\"", null)]
    [TestCase("POST", "If-None-Match", "5", 400)]
    public void WhatHasNoEntityTagMatchesAnyOnly(string method, string header, string value, int? status)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Headers[header] = value;

        Assert.That((IfMatchHeader.OfUntagged(http) as IStatusCodeHttpResult)?.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public void WithoutConditionsEverythingGoesOn()
    {
        Assert.That(IfMatchHeader.TryRead(new HeaderDictionary(), out var condition), Is.True);
        Assert.That(condition, Is.Null);
        Assert.That(IfMatchHeader.OfUntagged(new DefaultHttpContext()), Is.Null);
    }

    private static HeaderDictionary Headers(string name, string[] lines) => lines.Length == 0 ? [] : new() { [name] = new StringValues(lines) };
}
