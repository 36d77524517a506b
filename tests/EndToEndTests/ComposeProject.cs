using System.Globalization;
using System.Text.Json.Nodes;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>
/// A copy of the sources, and the containers that its compose files start, with a name and ports of their own. The commands of compose write
/// into deploy, which here may be the one of the person who runs the tests.
/// </summary>
internal sealed class ComposeProject : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(6);

    // Made by the person who runs the tests, for containers of his own.
    private static readonly string[] LeftOut = ["bin", "obj", "deploy/.env", "deploy/secure/ca", "deploy/secure/secrets"];

    private readonly Dictionary<string, string> variables;
    private readonly string[] compose;
    private readonly string[] files;

    private ComposeProject(string[] compose, string[] files)
    {
        this.compose = compose;
        this.files = [.. files.SelectMany(file => new[] { "-f", file })];
        ApiPort = TestServer.FreePort(1);
        Root = Directory.CreateTempSubdirectory("product-cache-compose-").FullName;
        variables = new()
        {
            // The file may be started twice in one process.
            ["COMPOSE_PROJECT_NAME"] = $"productcache-test-{Environment.ProcessId}-{ApiPort}",
            ["API_HOST_PORT"] = files.Length > 0 ? $"{ApiPort}-{ApiPort + 1}" : $"{ApiPort}",
            ["POSTGRES_HOST_PORT"] = $"{TestServer.FreePort()}",
            ["REDIS_HOST_PORT"] = $"{TestServer.FreePort()}",
            ["KAFKA_HOST_PORT"] = $"{TestServer.FreePort()}",
            ["PROMETHEUS_HOST_PORT"] = $"{TestServer.FreePort()}",
        };
    }

    /// <summary>The copy.</summary>
    public string Root { get; }

    public int PrometheusPort => int.Parse(variables["PROMETHEUS_HOST_PORT"], CultureInfo.InvariantCulture);

    /// <summary>Of the first Api. Where compose files are named, a second one may have the next port.</summary>
    public int ApiPort { get; }

    /// <summary>Ends the test as skipped where no container engine answers or has the images.</summary>
    /// <param name="files">The compose files, from the folder deploy. None: compose finds docker-compose.yml itself.</param>
    public static async Task<ComposeProject> CreateAsync(params string[] files)
    {
        if (!await Engine.HasImagesAsync(
            Images.Postgres, Images.Redis, Images.Kafka, "mcr.microsoft.com/dotnet/sdk:10.0", "mcr.microsoft.com/dotnet/aspnet:10.0"))
        {
            Assert.Ignore("No container engine answers, or it lacks the images.");
        }

        var compose = await FindComposeAsync();
        if (compose is null)
        {
            Assert.Ignore("There is neither docker compose nor docker-compose.");
        }

        var project = new ComposeProject(compose!, files);
        project.CopySources();
        return project;
    }

    /// <summary>Full path of a file of deploy in the copy.</summary>
    public string PathOf(string file) => Path.Combine(Root, "deploy", file);

    /// <summary>Runs commands of a document, with the compose and the port of this project.</summary>
    /// <returns>What they printed.</returns>
    public async Task<string> ScriptAsync(string commands, string folder)
    {
        var script = commands
            .Replace("docker compose", string.Join(' ', compose), StringComparison.Ordinal)
            .Replace("localhost:8000", $"localhost:{ApiPort}", StringComparison.Ordinal);
        var (exitCode, output) = await RunAsync(["bash", "-c", $"set -euo pipefail\n{script}"], folder);
        Assert.That(exitCode, Is.Zero, $"{script}{output}");
        return output.ReplaceLineEndings("\n");
    }

    public async Task<string> ComposeAsync(params IEnumerable<string> arguments)
    {
        var (exitCode, output) = await TryComposeAsync(arguments);
        Assert.That(exitCode, Is.Zero, $"docker compose {string.Join(' ', arguments)}{Environment.NewLine}{output}");
        return output;
    }

    public Task<(int ExitCode, string Output)> TryComposeAsync(params IEnumerable<string> arguments) =>
        RunAsync([.. compose, .. files, .. arguments], Path.Combine(Root, "deploy"));

    /// <summary>Runs a script in a container of a service.</summary>
    public Task<(int ExitCode, string Output)> BashAsync(string service, string script) => TryComposeAsync("exec", "-T", service, "bash", "-c", script);

    /// <summary>The containers as the engine describes them, also those that have ended.</summary>
    public async Task<IReadOnlyList<ComposeContainer>> ContainersAsync()
    {
        var (exitCode, ids) = await RunAsync(
            ["docker", "ps", "--all", "--quiet", "--filter", $"label=com.docker.compose.project={variables["COMPOSE_PROJECT_NAME"]}"], Root);
        Assert.That(exitCode, Is.Zero, ids);
        var (_, described) = await RunAsync(["docker", "inspect", .. ids.Split('\n', StringSplitOptions.RemoveEmptyEntries)], Root);
        return [.. JsonNode.Parse(described)!.AsArray().Select(container => new ComposeContainer(container!))];
    }

    public async Task<(int ExitCode, string Output)> RunAsync(string[] command, string folder)
    {
        var result = await Command.RunAsync(command, Timeout, folder, environment =>
        {
            foreach (var (key, value) in variables)
            {
                environment[key] = value;
            }
        });
        return (result.ExitCode, result.Output + result.Errors);
    }

    public async ValueTask DisposeAsync()
    {
        // With the images, or each run would leave some behind. The layers stay in the cache of the builder.
        // Those of the profile too.
        await ComposeAsync("--profile", "observability", "down", "-v", "--rmi", "local");
        Directory.Delete(Root, recursive: true);
    }

    /// <summary>The plugin, or the older program of the same name.</summary>
    private static async Task<string[]?> FindComposeAsync()
    {
        foreach (string[] candidate in new string[][] { ["docker", "compose"], ["docker-compose"] })
        {
            try
            {
                if ((await Command.RunAsync([.. candidate, "version"], Timeout)).ExitCode == 0)
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

    private void CopySources()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.Root, "*", SearchOption.TopDirectoryOnly)
            .Concat(new[] { "src", "deploy", "docs" }.SelectMany(name => Directory.EnumerateFiles(Path.Combine(Repository.Root, name), "*", SearchOption.AllDirectories))))
        {
            var path = Path.GetRelativePath(Repository.Root, file);
            if (LeftOut.Any(part => $"/{path}/".Contains($"/{part}/", StringComparison.Ordinal)))
            {
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Root, path))!);
            File.Copy(file, Path.Combine(Root, path));
        }
    }
}

/// <summary>What <c>docker inspect</c> says about a container.</summary>
internal sealed record ComposeContainer(JsonNode Description)
{
    public string Service => Description["Config"]!["Labels"]!["com.docker.compose.service"]!.GetValue<string>();

    public bool IsRunning => Description["State"]!["Running"]!.GetValue<bool>();

    /// <summary>Null: it has no health check.</summary>
    public string? Health => Description["State"]!["Health"]?["Status"]?.GetValue<string>();

    public string User => Description["Config"]!["User"]!.GetValue<string>();

    /// <summary>The variables, and the arguments of the process.</summary>
    public IEnumerable<string> Settings => new[] { "Env", "Cmd", "Entrypoint" }.SelectMany(part => TextsOf(Description["Config"]![part]));

    public JsonNode Limits => Description["HostConfig"]!;

    public IEnumerable<string> Networks => Description["NetworkSettings"]!["Networks"]!.AsObject().Select(network => network.Key);

    /// <summary>The addresses of this machine at which it is reached.</summary>
    public IEnumerable<string> HostAddresses => Description["NetworkSettings"]!["Ports"]!.AsObject()
        .SelectMany(port => port.Value?.AsArray() ?? [])
        .Select(binding => binding!["HostIp"]!.GetValue<string>());

    public bool IsPublishedBeyondLoopback => HostAddresses.Any(address => address is not ("127.0.0.1" or "::1"));

    /// <param name="list">Null: an empty one.</param>
    public static IEnumerable<string> TextsOf(JsonNode? list) => list?.AsArray().Select(text => text!.GetValue<string>()) ?? [];
}
