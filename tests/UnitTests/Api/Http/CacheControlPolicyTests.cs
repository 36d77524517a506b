using Microsoft.AspNetCore.Http;
using NSubstitute;
using ProductCache.Api.Http;
using ProductCache.Application;
using ProductCache.Infrastructure.Hosting;
using ProductCache.TestSupport;
using ProductCache.UnitTests.Application;

namespace ProductCache.UnitTests.Api.Http;

public sealed class CacheControlPolicyTests
{
    private const long Lifetime = 600;

    [TestCase("", 0, "public, no-cache", null)]
    [TestCase("max-age=30", 0, "public, max-age=30, s-maxage=0", null, Description = "a lifetime for browsers is none for shared caches")]
    [TestCase("max-age=30", 100, "public, max-age=130, s-maxage=0", null, Description = "30 s from the answer, whose Age is 100")]
    [TestCase("s-maxage=60", 100, "public, max-age=0, s-maxage=160", "max-age=160")]
    [TestCase("max-age=5, s-maxage=60, stale-if-error=3600", 0, "public, max-age=5, s-maxage=60, stale-if-error=3600", "max-age=60, stale-if-error=3600")]
    [TestCase("stale-if-error=3600", 10, "public, max-age=0, s-maxage=0, stale-if-error=3600", null)]
    [TestCase("s-maxage=3600", 10, "public, max-age=0, s-maxage=600", "max-age=600", Description = "no longer than the entry")]
    [TestCase("s-maxage=3600", 700, "public, max-age=0, s-maxage=600", "max-age=600", Description = "an entry beyond its lifetime is stale there too")]
    public void LifetimesCountFromTheAnswer(string setting, int age, string cacheControl, string? cdn) =>
        Assert.That(Policy(setting, isPurged: true).Of(age, Lifetime, ends: false), Is.EqualTo((cacheControl, cdn)));

    [Test]
    public void WhatEndsIsNotServedAfterAnError() =>
        Assert.That(Policy("s-maxage=60, stale-if-error=60", isPurged: true).Of(0, 20, ends: true), Is.EqualTo(("public, max-age=0, s-maxage=20", "max-age=20")));

    [Test]
    public void WhatHasTooManyTagsIsNotKeptBySharedCaches() =>
        Assert.That(Policy("max-age=5, s-maxage=60", isPurged: true).Of(0, Lifetime, ends: false, isTagged: false), Is.EqualTo(("public, max-age=5, s-maxage=0", (string?)null)));

    [TestCase("public", "API_CACHE_CONTROL may have max-age, s-maxage and stale-if-error, not 'public'.")]
    [TestCase("max-age=soon", "API_CACHE_CONTROL: max-age must be a number of seconds from 0 to 2592000, not 'soon'.")]
    [TestCase("max-age", "API_CACHE_CONTROL: max-age must be a number of seconds from 0 to 2592000, not ''.")]
    [TestCase("s-maxage=2592001", "API_CACHE_CONTROL: s-maxage must be a number of seconds from 0 to 2592000, not '2592001'.")]
    [TestCase("max-age=1, max-age=2", "API_CACHE_CONTROL has max-age twice.")]
    [TestCase("max-age=1, stale-while-revalidate=5", "API_CACHE_CONTROL: stale-while-revalidate is not supported, because a purged copy could be served and stored again.")]
    public void AWrongSettingIsNamed(string setting, string fault)
    {
        var settings = TestSettings.Of([("API_CACHE_CONTROL", setting)]);

        CacheControlPolicy.Read(settings, isPurged: true);

        Assert.That(Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message, Does.Contain(fault));
    }

    [TestCase("s-maxage=60", false, null, false)]
    [TestCase("s-maxage=60", true, null, true)]
    [TestCase("s-maxage=60", false, "accept", true)]
    [TestCase("s-maxage=0, max-age=60, stale-if-error=60", false, null, true)]
    public void SharedCachesKeepOnlyWhatIsPurged(string setting, bool isPurged, string? unpurged, bool starts)
    {
        var settings = TestSettings.Of([("API_CACHE_CONTROL", setting), .. unpurged is null ? [] : new[] { ("API_CACHE_CONTROL_UNPURGED", unpurged) }]);

        CacheControlPolicy.Read(settings, isPurged);

        Assert.That(settings.ThrowIfWrong, starts ? Throws.Nothing : Throws.InstanceOf<SettingsException>());
    }

    [Test]
    public void AnAnswerHasItsTagsOnce()
    {
        IHeaderDictionary headers = new HeaderDictionary();
        var cacheHeaders = new CacheHeaders(Policy("s-maxage=60", isPurged: true), Substitute.For<ICacheClock>());

        cacheHeaders.Write(headers, [(Sample.Id, Sample.Entry()), (Sample.Id, Sample.Entry())], "hit", Sample.Time);

        Assert.That(headers["Surrogate-Key"].ToString(), Is.EqualTo("products product-42"));
    }

    private static CacheControlPolicy Policy(string setting, bool isPurged)
    {
        var settings = TestSettings.Of([("API_CACHE_CONTROL", setting)]);
        var policy = CacheControlPolicy.Read(settings, isPurged);
        settings.ThrowIfWrong();
        return policy;
    }
}
