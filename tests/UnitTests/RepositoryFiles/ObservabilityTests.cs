using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>Alerts, their tests, the runbook, the dashboards and the metrics fit to each other. AlertRulesTests runs what Prometheus says about them.</summary>
public sealed partial class ObservabilityTests
{
    private const string Folder = "deploy/observability/";

    // Metrics of libraries, which docs/metrics.md names by their beginnings, and of Prometheus itself.
    private static readonly string[] Foreign = ["http_server_", "kestrel_", "db_client_", "messaging_masstransit_", "dotnet_"];

    // What may stand alone in an expression beside metrics.
    private static readonly string[] Words = ["and", "or", "unless", "by", "ignoring", "group_left", "offset", "up"];

    private static IEnumerable<string> Dashboards { get; } =
        RepositoryFile.All.Where(file => file.StartsWith(Folder, StringComparison.Ordinal) && file.EndsWith(".json", StringComparison.Ordinal));

    private static IReadOnlyList<YamlMappingNode> Alerts { get; } =
        [.. Load("alerts.yml")["groups"].AllNodes.OfType<YamlMappingNode>().Where(node => node.Children.ContainsKey("alert"))];

    private static IEnumerable<TestCaseData> NamedAlerts => Alerts.Select(alert => new TestCaseData(alert).SetArgDisplayNames($"{alert["alert"]}"));

    private static IEnumerable<string> NamesOfAlerts => Alerts.Select(alert => $"{alert["alert"]}");

    private static IEnumerable<string> Panels => Dashboards.SelectMany(PanelsOf).SelectMany(panel => panel["targets"]!.AsArray()).Select(target => $"{target!["expr"]}");

    [Test]
    public void EveryMetricOfAnAlertOrAPanelIsDocumented()
    {
        var documented = DocumentedMetric().Matches(RepositoryFile.Read("docs/metrics.md")).Select(match => match.Groups["name"].Value).ToHashSet();
        var named = Alerts.Select(alert => $"{alert["expr"]}").Concat(Panels).SelectMany(MetricsOf).Distinct().ToList();

        Assert.That(named, Has.Count.GreaterThan(30));
        Assert.That(named.Where(name => !documented.Contains(name) && !Foreign.Any(beginning => name.StartsWith(beginning, StringComparison.Ordinal))), Is.Empty);
    }

    [TestCase("sum by (job, le) (rate(a_seconds_bucket{b=\"c_d\"}[5m])) > 5 or e_total offset 10m", "a_seconds,e_total")]
    [TestCase("label_replace(max(a), \"b\", \"c d\", \"\", \"\") / ignoring (e) group_left () sum(f[$__rate_interval])", "a,f")]
    public void TheMetricsOfAnExpressionAreFound(string expression, string metrics) => Assert.That(string.Join(',', MetricsOf(expression)), Is.EqualTo(metrics));

    [Test]
    public void EveryAlertHasATestThatFiresItAndAQuietCase()
    {
        var cases = Load("alerts.test.yml")["tests"].AllNodes.OfType<YamlMappingNode>().Where(node => node.Children.ContainsKey("alertname"))
            .ToLookup(test => ((YamlSequenceNode)test["exp_alerts"]).Children.Count > 0, test => $"{test["alertname"]}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(cases[true].Distinct(), Is.EquivalentTo(NamesOfAlerts), "fires");
            Assert.That(cases[false].Distinct(), Is.EquivalentTo(NamesOfAlerts), "quiet");
        }
    }

    [Test]
    public void EveryAlertHasASectionOfTheRunbookAndEverySectionAnAlert() =>
        Assert.That(
            SectionOfAlert().Matches(RepositoryFile.Read("docs/runbook.md")).Select(match => match.Groups["name"].Value),
            Is.EqualTo(NamesOfAlerts));

    [TestCaseSource(nameof(NamedAlerts))]
    public void AnAlertSaysHowUrgentItIsWhatHappensAndWhereToReadOn(YamlMappingNode alert)
    {
        var (name, annotations) = ($"{alert["alert"]}", alert["annotations"]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(name, Does.Match("^ProductCache([A-Z][a-z]+)+$"));
            Assert.That($"{alert["labels"]["severity"]}", Is.AnyOf("page", "ticket"));
            Assert.That($"{annotations["summary"]}", Is.Not.Empty.And.Not.EndsWith("."));
            Assert.That($"{annotations["description"]}", Does.Contain("{{ $value").And.EndsWith(".").And.Not.Contain(". "));
            Assert.That($"{annotations["runbook_url"]}", Is.EqualTo($"docs/runbook.md#{name.ToLowerInvariant()}"));
        }
    }

    [TestCaseSource(nameof(Dashboards))]
    public void APanelHasANumberATitleAUnitAndOneSentence(string dashboard)
    {
        var datasource = $"{Load("grafana/provisioning/datasources/prometheus.yml")["datasources"][0]["uid"]}";
        var panels = PanelsOf(dashboard).ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(panels, Is.Not.Empty);
            Assert.That(panels.Select(panel => (int)panel["id"]!), Is.Unique);
            Assert.That(panels.Select(panel => (string)panel["title"]!), Is.Unique.And.All.Not.Empty);
            Assert.That(panels.Select(panel => (string?)panel["fieldConfig"]!["defaults"]!["unit"]), Is.All.Not.Empty);
            Assert.That(panels.Select(panel => (string)panel["description"]!), Is.All.EndsWith(".").And.All.Not.Contain(". "));
            Assert.That(panels.Select(panel => (string?)panel["datasource"]!["uid"]), Is.All.EqualTo(datasource));
        }
    }

    [Test]
    public void TheDashboardsHaveIdentifiersOfTheirOwn() =>
        Assert.That(Dashboards.Select(file => (string)JsonNode.Parse(RepositoryFile.Read(file))!["uid"]!), Is.Unique.And.Not.Empty);

    [Test]
    public void PrometheusScrapesThePortsOfTheServices()
    {
        var jobs = ((YamlSequenceNode)Load("prometheus.yml")["scrape_configs"]).Select(job => (Name: $"{job["job_name"]}", Port: $"{job["dns_sd_configs"][0]["port"]}"));
        var api = Load("../docker-compose.yml")["services"]["api"]["environment"]["MANAGEMENT_PORT"];

        Assert.That(jobs, Is.EqualTo(new[] { ("product-cache-api", $"{api}"), ("product-cache-worker", "8001") }));
    }

    private static YamlNode Load(string file)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(RepositoryFile.Read(Folder + file)));
        return stream.Documents[0].RootNode;
    }

    private static IEnumerable<JsonNode> PanelsOf(string dashboard) => JsonNode.Parse(RepositoryFile.Read(dashboard))!["panels"]!.AsArray().Select(panel => panel!);

    /// <summary>The names that stand in an expression outside of quotes, label lists and functions, without the endings of histograms.</summary>
    private static IEnumerable<string> MetricsOf(string expression) =>
        Name().Matches(NoMetric().Replace(expression, " ")).Select(match => HistogramEnding().Replace(match.Value, string.Empty)).Where(name => !Words.Contains(name));

    [GeneratedRegex(@"^\| `[a-z_.]+` \| `(?<name>[a-z_]+)` \|", RegexOptions.Multiline)]
    private static partial Regex DocumentedMetric();

    [GeneratedRegex("^## (?<name>ProductCache.*)$", RegexOptions.Multiline)]
    private static partial Regex SectionOfAlert();

    [GeneratedRegex("""
        "[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|ignoring|group_left)\s*\([^)]*\)
        """)]
    private static partial Regex NoMetric();

    // A name before a parenthesis is a function or an operator.
    [GeneratedRegex(@"(?<![\w.])[a-z_][a-z_0-9]*\b(?!\s*\()")]
    private static partial Regex Name();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramEnding();
}
