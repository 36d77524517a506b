using ProductCache.Chaos;

namespace ProductCache.UnitTests.Chaos;

public sealed class ArgumentsTests
{
    [Test]
    public void NothingMeansAMinuteAndARandomSeed()
    {
        var (one, other) = (Read(out _, 1), Read(out _, 2));

        Assert.That(one!.Length, Is.EqualTo(TimeSpan.FromSeconds(60)));
        Assert.That(one.Seed, Is.Not.EqualTo(other!.Seed));
    }

    [Test]
    public void SecondsAndSeedAreTaken() =>
        Assert.That(Read(out _, 1, "90", "--plan", "7"), Is.EqualTo(new Arguments(TimeSpan.FromSeconds(90), 7, Plan: true, Keep: false, Fault: null)));

    [Test]
    public void FaultsOfMappingsNeedAMapping()
    {
        Assert.That(Read(out _, 1, "90", "7", "--mapped", "--fault=endless")!.Mapped, Is.True);
        Assert.That(Read(out _, 1, "--mapped", "--fault=no-floor"), Is.Not.Null);
        Assert.That(Read(out var fault, 1, "--fault=endless"), Is.Null);
        Assert.That(fault, Does.Contain("with --mapped also"));
    }

    [TestCase("soon")]
    [TestCase("0")]
    [TestCase("-5")]
    [TestCase("60", "x")]
    [TestCase("60", "7", "8")]
    [TestCase("--what")]
    [TestCase("--fault=none-of-this-name")]
    public void WhatMakesNoSenseIsToldInASentence(params string[] args)
    {
        Assert.That(Read(out var fault, 1, args), Is.Null);
        Assert.That(fault, Does.EndWith("."));
        Assert.That(fault, Does.Not.Contain("\n"));
    }

    private static Arguments? Read(out string fault, int seed, params string[] args) => Arguments.Read(args, new Random(seed), out fault);
}
