using System.Diagnostics;
using System.Net;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>deploy/docker-compose.yml, where a container engine answers and has the images.</summary>
public sealed class ComposeTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(6);

    private readonly Dictionary<string, string> environment = new()
    {
        ["COMPOSE_PROJECT_NAME"] = $"productcache-test-{Environment.ProcessId}",
        ["DB_PASSWORD"] = Guid.NewGuid().ToString("N"),
        ["API_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["WORKER_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["POSTGRES_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["REDIS_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["KAFKA_HOST_PORT"] = $"{TestServer.FreePort()}",
    };

    private string[] compose = [];

    [Test]
    public async Task TheStackComesUpAndAnswers()
    {
        if (!await Engine.HasImagesAsync(
            Images.Postgres, Images.Redis, Images.Kafka, "mcr.microsoft.com/dotnet/sdk:10.0", "mcr.microsoft.com/dotnet/aspnet:10.0"))
        {
            Assert.Ignore("No container engine answers, or it lacks the images.");
        }

        if (await FindComposeAsync() is not { } found)
        {
            Assert.Ignore("There is neither docker compose nor docker-compose.");
            return;
        }

        compose = found;

        try
        {
            await ComposeAsync("up", "--build", "-d");
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{environment["API_HOST_PORT"]}") };
            await Eventually.TrueAsync(async () =>
            {
                try
                {
                    using var api = await client.GetAsync("/health/ready");
                    using var worker = await client.GetAsync(new Uri($"http://127.0.0.1:{environment["WORKER_HOST_PORT"]}/health/ready"));
                    return api.IsSuccessStatusCode && worker.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
            await ComposeAsync("exec", "-T", "postgres", "psql", "-v", "ON_ERROR_STOP=1", "-c", "INSERT INTO products (id, name, price) VALUES (1, 'Tea', 3.50)");

            List<HttpStatusCode> answers = [];
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await client.GetAsync("/productapp/1/");
                answers.Add(answer.StatusCode);
                return answer.StatusCode == HttpStatusCode.OK;
            });
            Assert.That(answers, Does.Contain(HttpStatusCode.Accepted));
            using var page = await client.GetAsync("/problems/no-such-product");
            Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(
                await ComposeAsync("exec", "-T", "postgres", "psql", "-At", "-c", "SELECT usesuper FROM pg_user WHERE usename = current_user"),
                Does.StartWith("f"));
            foreach (var service in new[] { "api", "worker" })
            {
                Assert.That(await ComposeAsync("exec", "-T", service, "id"), Does.StartWith("uid=").And.Not.StartWith("uid=0("));
            }
        }
        finally
        {
            await ComposeAsync("down", "-v");
        }
    }

    private async Task<string> ComposeAsync(params IEnumerable<string> arguments)
    {
        var (exitCode, output) = await RunAsync([.. compose, "--env-file", ".env.example", .. arguments]);
        Assert.That(exitCode, Is.Zero, $"docker compose {string.Join(' ', arguments)}{Environment.NewLine}{output}");
        return output;
    }

    /// <summary>The plugin, or the older program of the same name.</summary>
    private async Task<string[]?> FindComposeAsync()
    {
        foreach (string[] candidate in new string[][] { ["docker", "compose"], ["docker-compose"] })
        {
            try
            {
                if ((await RunAsync([.. candidate, "--env-file", ".env.example", "config"])).ExitCode == 0)
                {
                    return candidate;
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Not installed.
            }
        }

        return null;
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = Path.Combine(Repository.Root, "deploy"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(Timeout);
        return (process.ExitCode, await output + await errors);
    }
}
