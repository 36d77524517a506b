using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

/// <summary>What promtool of Prometheus says about deploy/observability. ./run test installs it.</summary>
[Category(TestCategories.NoServers)]
public sealed class AlertRulesTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    [TestCase("check", "config", "prometheus.yml")]
    [TestCase("check", "rules", "alerts.yml")]
    [TestCase("test", "rules", "alerts.test.yml")]
    public async Task PromtoolFindsNothing(string verb, string what, string file)
    {
        var result = await Command.RunAsync(["promtool", verb, what, file], Timeout, Repository.PathOf("deploy/observability"));

        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Errors);
    }
}
