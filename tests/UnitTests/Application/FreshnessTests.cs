using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class FreshnessTests
{
    // Filled at Sample.Time with a lifetime of 600 s and version 5.
    private static readonly CachedProduct Entry = Sample.Entry(version: 5);

    private static readonly TestCaseData[] Demands =
    [
        Case("none", Freshness.None, 10_000, true),
        Case("only-if-cached", new Freshness { OnlyIfCached = true }, 10_000, true),
        Case("no-cache", new Freshness { NoCache = true }, 0, false),
        Case("max-age=10", new Freshness { MaxAge = TimeSpan.FromSeconds(10) }, 10.9, true),
        Case("max-age=10", new Freshness { MaxAge = TimeSpan.FromSeconds(10) }, 11, false),
        Case("max-age=0", new Freshness { MaxAge = TimeSpan.Zero }, 0.9, true),
        Case("max-age=0", new Freshness { MaxAge = TimeSpan.Zero }, 1, false),
        Case("max-age beyond the lifetime", new Freshness { MaxAge = TimeSpan.FromSeconds(10_000) }, 601, false),
        Case("max-age=10000, max-stale", new Freshness { MaxAge = TimeSpan.FromSeconds(10_000), MaxStale = TimeSpan.MaxValue }, 700, true),
        Case("min-fresh=60", new Freshness { MinFresh = TimeSpan.FromSeconds(60) }, 540, true),
        Case("min-fresh=60", new Freshness { MinFresh = TimeSpan.FromSeconds(60) }, 541, false),
        Case("max-stale=10", new Freshness { MaxStale = TimeSpan.FromSeconds(10) }, 610, true),
        Case("max-stale=10", new Freshness { MaxStale = TimeSpan.FromSeconds(10) }, 611, false),
        Case("max-stale=0", new Freshness { MaxStale = TimeSpan.Zero }, 601, false),
        Case("max-stale", new Freshness { MaxStale = TimeSpan.MaxValue }, 10_000, true),
        Case("version 5", new Freshness { AtLeast = new ProductVersion(5) }, 10_000, true),
        Case("version 6", new Freshness { AtLeast = new ProductVersion(6) }, 0, false),
    ];

    [TestCaseSource(nameof(Demands))]
    public bool AnEntryIsAcceptedAsTheDirectivesSay(Freshness freshness, double age) => freshness.Accepts(Entry, Sample.Time.AddSeconds(age));

    [Test]
    public void AnAbsenceIsOlderThanAnyVersion() =>
        Assert.That(new Freshness { AtLeast = new ProductVersion(1) }.Accepts(Sample.NegativeEntry(), Sample.Time), Is.False);

    private static TestCaseData Case(string name, Freshness freshness, double age, bool accepted) =>
        new TestCaseData(freshness, age).Returns(accepted).SetArgDisplayNames(name, $"{age} s");
}
