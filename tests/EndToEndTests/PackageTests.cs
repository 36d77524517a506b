using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Confluent.Kafka;
using ProductCache.Contracts;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>
/// Contracts, KafkaRider and Client as another project gets them: packed into a folder, restored from it into a new project, with the quick start of the
/// package's README as its only source file.
/// </summary>
[Category(TestCategories.NoServers)]
[Parallelizable(ParallelScope.Self)]
public sealed partial class PackageTests
{
    private const string Version = "0.0.1-packed";

    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private readonly string folder = Directory.CreateTempSubdirectory("productcache-packages-").FullName;

    private string Packages => Path.Combine(folder, "packages");

    [OneTimeSetUp]
    public async Task Pack()
    {
        foreach (var project in new[] { "Contracts", "KafkaRider", "Client" })
        {
            // Builds of the repository are left as they are.
            await DotnetAsync(
                Repository.Root,
                ["pack", $"src/{project}/{project}.csproj", "--artifacts-path", Path.Combine(folder, "artifacts"), "--output", Packages, "--nologo"],
                ("MinVerVersionOverride", Version));
        }
    }

    [OneTimeTearDown]
    public void DeleteTheFolder() => Directory.Delete(folder, recursive: true);

    [TestCase("ProductCache.Contracts", "")]
    [TestCase("KafkaRider", "Confluent.Kafka MassTransit")]
    [TestCase("ProductCache.Client", "Microsoft.Extensions.Http.Resilience")]
    public void APackageHasAReadmeDocumentationALicenceSymbolsAndNoOtherDependencies(string package, string dependencies)
    {
        using var archive = ZipFile.OpenRead(Path.Combine(Packages, $"{package}.{Version}.nupkg"));
        var files = archive.Entries.Select(entry => entry.FullName).ToList();
        var specification = XDocument.Load(archive.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(files, Does.Contain("README.md"));
            Assert.That(files.Where(file => file.StartsWith("lib/", StringComparison.Ordinal)).Select(Path.GetExtension).Distinct(), Is.EquivalentTo(new[] { ".dll", ".xml" }));
            Assert.That(Texts("license"), Is.EqualTo(new[] { "MIT" }));
            Assert.That(Texts("readme"), Is.EqualTo(new[] { "README.md" }));
            Assert.That(Texts("description").Concat(Texts("tags")), Is.All.Not.Empty.And.Exactly(2).Items);
            Assert.That(
                specification.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string?)element.Attribute("id")).Distinct(),
                Is.EquivalentTo(dependencies.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
            Assert.That(File.Exists(Path.Combine(Packages, $"{package}.{Version}.snupkg")), Is.True);
        }

        IEnumerable<string> Texts(string name) => specification.Descendants().Where(element => element.Name.LocalName == name).Select(element => element.Value);
    }

    [TestCase("Contracts")]
    [TestCase("KafkaRider")]
    [TestCase("Client")]
    public async Task TheQuickStartOfTheReadmeCompilesInANewProject(string project) => await BuildQuickStartAsync(project);

    [Test]
    public async Task TheQuickStartOfContractsRequestsAProductAndPrintsChanges()
    {
        var program = await BuildQuickStartAsync("Contracts");
        await using var kafka = new MockKafka();
        var client = new ClientConfig { BootstrapServers = kafka.Bootstrap };
        using var producer = new ProducerBuilder<string, string>(client).Build();
        using var consumer = new ConsumerBuilder<string, string>(
            new ConsumerConfig(client) { GroupId = "test", AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        consumer.Subscribe(Topics.ProductRequests);

        var start = new ProcessStartInfo("dotnet", [program]) { RedirectStandardOutput = true };
        start.Environment["KAFKA_BOOTSTRAP"] = kafka.Bootstrap;
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => output.AppendLine(line.Data);
        process.BeginOutputReadLine();
        try
        {
            var request = await Task.Run(() => consumer.Consume(TimeSpan.FromSeconds(60)));
            Assert.That(request?.Message.Key, Is.EqualTo("42"), output.ToString());
            Assert.That(
                JsonSerializer.Deserialize<ProductRequested>(request!.Message.Value, JsonSerializerOptions.Web),
                Is.EqualTo(new ProductRequested { ProductId = 42 }));

            var change = new ProductChanged { ProductId = 42, Version = 7, Kind = ProductChangeKind.Deleted, ChangedAt = DateTimeOffset.UnixEpoch };
            await producer.ProduceAsync(
                Topics.ProductChanges,
                new Message<string, string> { Key = "42", Value = JsonSerializer.Serialize(change, JsonSerializerOptions.Web) });
            await Eventually.TrueAsync(() => output.ToString().Contains("Product 42: Deleted, version 7", StringComparison.Ordinal));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    /// <summary>The assembly that the first C# block of a README becomes.</summary>
    private async Task<string> BuildQuickStartAsync(string project)
    {
        var readme = await File.ReadAllTextAsync(Repository.PathOf($"src/{project}/README.md"));
        if (CSharpBlock().Match(readme) is not { Success: true } block)
        {
            Assert.Ignore($"The README of {project} has no C# block.");
            throw new InvalidOperationException();
        }

        var directory = Directory.CreateDirectory(Path.Combine(folder, project)).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "Program.cs"), block.Groups["code"].Value);

        // Sources of this machine, and beside them the folder with the packages. What others have restored already is read where it is.
        await File.WriteAllTextAsync(Path.Combine(directory, "NuGet.Config"), $"""
            <configuration>
              <packageSources><add key="packed" value="{Packages}" /></packageSources>
              <packageSourceMapping />
            </configuration>
            """);
        await File.WriteAllTextAsync(Path.Combine(directory, "QuickStart.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestorePackagesPath>{Path.Combine(folder, "restored")}</RestorePackagesPath>
                <RestoreFallbackFolders>{Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")}</RestoreFallbackFolders>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="ProductCache.Contracts" Version="{Version}" />
                <PackageReference Include="KafkaRider" Version="{Version}" />
                <PackageReference Include="ProductCache.Client" Version="{Version}" />
              </ItemGroup>
            </Project>
            """);
        await DotnetAsync(directory, ["build", "--output", "built", "--nologo"]);
        return Path.Combine(directory, "built", "QuickStart.dll");
    }

    private static async Task DotnetAsync(string directory, string[] arguments, params IEnumerable<(string Key, string Value)> environment)
    {
        var result = await Command.RunAsync(["dotnet", .. arguments], Timeout, directory, variables =>
        {
            // What MSBuild and the test host hand on to their children would make this build theirs.
            foreach (var key in variables.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            {
                variables.Remove(key);
            }

            variables["MSBUILDDISABLENODEREUSE"] = "1";
            foreach (var (key, value) in environment)
            {
                variables[key] = value;
            }
        });
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Errors);
    }

    [GeneratedRegex(@"^```csharp\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
