using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using ProductCache.Api;

namespace ProductCache.UnitTests.Api;

public sealed class PreconditionsTests
{
    [TestCase("5", "\"5\"")]
    [TestCase("5,6", "\"5\", \"6\"")]
    [TestCase("5,6", "\"5\"", "\"6\"")]
    [TestCase("", "W/\"5\"", Description = "a weak tag matches nothing")]
    [TestCase("6", "W/\"5\",\"6\"")]
    [TestCase("", "\"x\"")]
    [TestCase("", "\"05\"")]
    [TestCase("any", "*")]
    [TestCase("any")]
    public void AConditionNamesVersions(string expected, params string[] lines)
    {
        Assert.That(Preconditions.TryReadIfMatch(Headers(lines), out var versions), Is.True);
        Assert.That(versions is null ? "any" : string.Join(',', versions), Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("5")]
    [TestCase("\"5")]
    [TestCase("\"5\" \"6\"")]
    [TestCase("*, \"5\"")]
    [TestCase("\"5\"", "nonsense")]
    public void WhatIsNoListOfEntityTagsIsRefused(params string[] lines) =>
        Assert.That(Preconditions.TryReadIfMatch(Headers(lines), out _), Is.False);

    private static HeaderDictionary Headers(string[] lines) => lines.Length == 0 ? [] : new() { ["If-Match"] = new StringValues(lines) };
}
