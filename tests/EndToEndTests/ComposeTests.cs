using System.Net;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The commands of docs/operations.md for deploy/docker-compose.yml, where a container engine answers and has the images.</summary>
[Category(TestCategories.Containers)]
public sealed class ComposeTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(6);

    private readonly Dictionary<string, string> environment = new()
    {
        ["COMPOSE_PROJECT_NAME"] = $"productcache-test-{Environment.ProcessId}",
        ["API_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["WORKER_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["POSTGRES_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["REDIS_HOST_PORT"] = $"{TestServer.FreePort()}",
        ["KAFKA_HOST_PORT"] = $"{TestServer.FreePort()}",
    };

    private string[] compose = [];
    private string copy = null!;

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
        copy = Directory.CreateTempSubdirectory("product-cache-compose-").FullName;
        CopySources();
        var documented = DocumentedCommands.Of("docs/operations.md");

        try
        {
            Assert.That(documented[0].Commands, Does.Contain("up --build"));
            await ScriptAsync(documented[0].Commands, copy);
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
            var first = await ScriptAsync(documented[1].Commands, Path.Combine(copy, "deploy"));
            Assert.That(documented[1].IsMetBy(first), first);
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await client.GetAsync("/productapp/1/");
                return answer.StatusCode == HttpStatusCode.OK;
            });
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
            Directory.Delete(copy, recursive: true);
        }
    }

    // The commands write deploy/.env, which here may be the one of the person who runs the tests.
    private void CopySources()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.Root, "*", SearchOption.TopDirectoryOnly)
            .Concat(new[] { "src", "deploy", "docs" }.SelectMany(name => Directory.EnumerateFiles(Path.Combine(Repository.Root, name), "*", SearchOption.AllDirectories))))
        {
            var path = Path.GetRelativePath(Repository.Root, file);
            if (path.Split('/').Any(part => part is "bin" or "obj" or ".env"))
            {
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(copy, path))!);
            File.Copy(file, Path.Combine(copy, path));
        }
    }

    private async Task<string> ScriptAsync(string commands, string folder)
    {
        var script = commands
            .Replace("docker compose", string.Join(' ', compose), StringComparison.Ordinal)
            .Replace("localhost:8000", $"localhost:{environment["API_HOST_PORT"]}", StringComparison.Ordinal);
        var (exitCode, output) = await RunAsync(["bash", "-c", $"set -euo pipefail\n{script}"], folder);
        Assert.That(exitCode, Is.Zero, $"{script}{output}");
        return output.ReplaceLineEndings("\n");
    }

    private async Task<string> ComposeAsync(params IEnumerable<string> arguments)
    {
        var (exitCode, output) = await RunAsync([.. compose, "--env-file", ".env", .. arguments], Path.Combine(copy, "deploy"));
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
                if ((await RunAsync([.. candidate, "version"], Repository.Root)).ExitCode == 0)
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

    private async Task<(int ExitCode, string Output)> RunAsync(string[] command, string folder)
    {
        var result = await Command.RunAsync(command, Timeout, folder, variables =>
        {
            foreach (var (key, value) in environment)
            {
                variables[key] = value;
            }
        });
        return (result.ExitCode, result.Output + result.Errors);
    }
}
