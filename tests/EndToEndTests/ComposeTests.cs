using System.Net;
using System.Text.Json.Nodes;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The commands of docs/operations.md for deploy/docker-compose.yml, where a container engine answers and has the images.</summary>
[Category(TestCategories.Containers)]
public sealed class ComposeTests
{
    private const string Prometheus = "prom/prometheus:v3.5.0";

    [Test]
    public async Task TheStackComesUpAndAnswers()
    {
        await using var project = await ComposeProject.CreateAsync();
        var documented = DocumentedCommands.Of("docs/operations.md");
        Assert.That(documented[0].Commands, Does.Contain("up --build"));
        await project.ScriptAsync(documented[0].Commands, project.Root);
        var worker = (await project.ComposeAsync("port", "worker", "8001")).Trim();
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{project.ApiPort}") };
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                using var ofApi = await client.GetAsync("/health/ready");
                using var ofWorker = await client.GetAsync(new Uri($"http://{worker}/health/ready"));
                return ofApi.IsSuccessStatusCode && ofWorker.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        var first = await project.ScriptAsync(documented[1].Commands, Path.Combine(project.Root, "deploy"));
        Assert.That(documented[1].IsMetBy(first), first);
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await client.GetAsync("/productapp/1/");
            return answer.StatusCode == HttpStatusCode.OK;
        });
        using var page = await client.GetAsync("/problems/no-such-product");
        Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(
            await project.ComposeAsync("exec", "-T", "postgres", "psql", "-At", "-c", "SELECT usesuper FROM pg_user WHERE usename = current_user"),
            Does.StartWith("f"));
        foreach (var service in new[] { "api", "worker" })
        {
            Assert.That(await project.ComposeAsync("exec", "-T", service, "id"), Does.StartWith("uid=").And.Not.StartWith("uid=0("));
        }

        var doctor = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                (var exitCode, doctor) = await project.TryComposeAsync("exec", "-T", "worker", "productcache", "doctor");
                return exitCode == 0;
            },
            () => doctor);
        Assert.That(doctor, Does.Contain("Kafka answers"));
        await PrometheusReadsTheServicesAsync(project);
        Assert.That(
            (await project.ContainersAsync()).Where(container => container.IsPublishedBeyondLoopback).Select(container => container.Service),
            Is.EqualTo(new[] { "api" }));
    }

    // From a base file and the files on top of it.
    [TestCase("docker-compose.yml")]
    [TestCase("docker-compose.yml", "docker-compose.secure.yml")]
    public async Task TheProfileOfTheDashboardsIsValid(params string[] files)
    {
        await using var project = await ComposeProject.CreateAsync(files);
        await File.WriteAllTextAsync(project.PathOf(".env"), "DB_NAME=products\nDB_USER=products\nDB_PASSWORD=secret\n");

        Assert.That(
            (await project.ComposeAsync("--profile", "observability", "config", "--services")).Split('\n'),
            Is.SupersetOf(new[] { "api", "worker", "prometheus", "grafana", "dashboard" }));
    }

    /// <summary>Where there is its image. The tests pull none.</summary>
    private static async Task PrometheusReadsTheServicesAsync(ComposeProject project)
    {
        if (!await Engine.HasImagesAsync(Prometheus))
        {
            return;
        }

        await project.ComposeAsync("--profile", "observability", "up", "-d", "--no-deps", "prometheus");
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{project.PrometheusPort}") };
        var up = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    up = await client.GetStringAsync("/api/v1/query?query=sum by (job) (up)");
                    return JsonNode.Parse(up)!["data"]!["result"]!.AsArray().Count(job => (string)job!["value"]![1]! == "1") == 2;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            () => $"both jobs: {up}");
        Assert.That(await client.GetStringAsync("/api/v1/rules"), Does.Contain("ProductCacheServerUnavailable"));
    }
}
