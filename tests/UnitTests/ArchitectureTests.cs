using System.Reflection;
using System.Xml.Linq;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests;

/// <summary>
/// Who may reference whom. Both sides are checked: what a project asks for, and what its assembly came to use (also
/// through others).
/// </summary>
public sealed class ArchitectureTests
{
    private static readonly string[] Technologies =
    [
        "Confluent.Kafka",
        "EFCore",
        "MassTransit",
        "Microsoft.EntityFrameworkCore",
        "Microsoft.Extensions.Caching.StackExchangeRedis",
        "Npgsql",
        "StackExchange.Redis",
    ];

    // Packages are listed where each one is a decision; elsewhere any may come, and MustNot says which assemblies stay out.
    private static readonly Rule[] Rules =
    [
        new("Domain") { Packages = [] },
        new("Contracts") { Packages = [] },
        new("Client") { Packages = ["Microsoft.Extensions.Http.Resilience"], Brought = ["Microsoft.Extensions.", "Polly."] },
        new("Application")
        {
            Projects = ["Domain", "Contracts"],
            Packages = ["FluentValidation", "MediatR", "Microsoft.Extensions.Caching.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions"],
            MustNot = ["ProductCache.Infrastructure", "KafkaRider", .. Technologies],
        },
        new("KafkaRider", Assembly: "KafkaRider")
        {
            Packages = ["Confluent.Kafka", "MassTransit"],
            Brought = ["Microsoft.Extensions."],
            MustNot = ["ProductCache."],
        },
        new("Infrastructure")
        {
            Projects = ["Application", "KafkaRider"],
            MustNot = ["ProductCache.Api", "ProductCache.Worker", "ProductCache.Standalone"],
        },
        new("Api")
        {
            Projects = ["Application", "Infrastructure"],
            MustNot = ["ProductCache.Worker", "ProductCache.Standalone", "KafkaRider", .. Technologies],
        },
        new("Worker")
        {
            Projects = ["Application", "Cli", "Infrastructure"],
            MustNot = ["ProductCache.Api", "ProductCache.Standalone", "KafkaRider", .. Technologies],
        },
        new("Cli", Assembly: "productcache")
        {
            Projects = ["Application", "Infrastructure"],
            MustNot = ["ProductCache.Api", "ProductCache.Worker", "ProductCache.Standalone", "KafkaRider", .. Technologies],
        },
        new("Standalone") { Projects = ["Domain", "Contracts", "Application", "KafkaRider", "Infrastructure", "Api", "Worker"] },
    ];

    // Standalone is one as a whole, and the client is used without one. Api and KafkaRider are not covered yet.
    private static readonly string[] ClockRoots =
    [
        "Application/UseCaseRegistration.cs", "Infrastructure/Hosting/ServiceHost.cs", "Infrastructure/Postgres/PostgresRegistration.cs",
        "Standalone/", "Api/", "Client/", "KafkaRider/",
    ];

    [Test]
    public void EveryProjectHasARule() => Assert.That(
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension),
        Is.EquivalentTo(Rules.Select(rule => rule.Project)));

    [TestCaseSource(nameof(Projects))]
    public void AProjectAsksForNothingThatItsRuleDoesNotAllow(string project)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "src", project, $"{project}.csproj"));

        Assert.That(RuleOf(project).ViolationsInProject(text), Is.Empty);
    }

    [TestCaseSource(nameof(BuiltProjects))]
    public void AnAssemblyUsesNothingThatItsRuleForbids(string project)
    {
        var rule = RuleOf(project);
        var references = Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, $"{rule.Assembly}.dll")).GetReferencedAssemblies();

        Assert.That(references, Is.Not.Empty);
        Assert.That(rule.ViolationsInAssembly(references.Select(reference => reference.Name!)), Is.Empty);
    }

    [TestCase("Domain", """<PackageReference Include="Newtonsoft.Json" />""", "Newtonsoft.Json")]
    [TestCase("Contracts", """<FrameworkReference Include="Microsoft.AspNetCore.App" />""", "Microsoft.AspNetCore.App")]
    [TestCase("Contracts", """<Reference Include="../lib/Other.dll" />""", "../lib/Other.dll")]
    [TestCase("Application", """<ProjectReference Include="../Infrastructure/Infrastructure.csproj" />""", "Infrastructure")]
    [TestCase("Application", """<ProjectReference Include="..\KafkaRider\KafkaRider.csproj" />""", "KafkaRider")]
    [TestCase("KafkaRider", """<ProjectReference Include="../Domain/Domain.csproj" />""", "Domain")]
    [TestCase("Infrastructure", """<ProjectReference Include="../Api/Api.csproj" />""", "Api")]
    [TestCase("Api", """<ProjectReference Include="../Worker/Worker.csproj" />""", "Worker")]
    public void AProjectThatAsksForMoreIsCaught(string project, string item, string violation)
    {
        var text = $"""<Project Sdk="Microsoft.NET.Sdk"><ItemGroup Condition="'$(Some)' == 'true'">{item}</ItemGroup></Project>""";

        Assert.That(RuleOf(project).ViolationsInProject(text), Is.EqualTo(new[] { violation }));
    }

    [TestCase("Domain", "ProductCache.Contracts")]
    [TestCase("Domain", "Microsoft.Extensions.Logging.Abstractions")]
    [TestCase("Contracts", "MassTransit.Abstractions")]
    [TestCase("Application", "ProductCache.Infrastructure")]
    [TestCase("Application", "StackExchange.Redis")]
    [TestCase("Application", "Microsoft.AspNetCore.Http.Abstractions")]
    [TestCase("KafkaRider", "ProductCache.Domain")]
    [TestCase("Infrastructure", "ProductCache.Api")]
    [TestCase("Api", "Npgsql")]
    [TestCase("Worker", "Confluent.Kafka")]
    public void AnAssemblyThatUsesMoreIsCaught(string project, string reference) =>
        Assert.That(RuleOf(project).ViolationsInAssembly(["System.Runtime", reference]), Is.EqualTo(new[] { reference }));

    /// <summary>The real clock enters where a process is composed. (src/BannedSymbols.txt bans the members that use it in silence.)</summary>
    [Test]
    public void OnlyCompositionRootsNameTheSystemsClock() => Assert.That(
        FilesWith("TimeProvider.System").Where(file => !ClockRoots.Any(root => file.StartsWith(root, StringComparison.Ordinal))),
        Is.Empty);

    [Test]
    public void TheSystemsClockIsFoundWhereItIsNamed() => Assert.That(FilesWith("TimeProvider.System"), Does.Contain("Application/UseCaseRegistration.cs"));

    private static IEnumerable<string> Projects() => Rules.Select(rule => rule.Project);

    private static IEnumerable<string> FilesWith(string text)
    {
        var source = Path.Combine(Repository.Root, "src");
        return Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains(text, StringComparison.Ordinal))
            .Select(file => Path.GetRelativePath(source, file));
    }

    // A build with the package MassTransit.Kafka has no KafkaRider.dll.
    private static IEnumerable<string> BuiltProjects() =>
#if MASSTRANSIT_KAFKA_PACKAGE
        Projects().Where(project => project != "KafkaRider");
#else
        Projects();
#endif

    private static Rule RuleOf(string project) => Rules.Single(rule => rule.Project == project);

    private sealed record Rule(string Project, string Assembly)
    {
        public Rule(string project)
            : this(project, $"ProductCache.{project}")
        {
        }

        public string[] Projects { get; init; } = [];

        /// <summary>Null: any, and any framework.</summary>
        public string[]? Packages { get; init; }

        /// <summary>Beginnings of the names of assemblies that the packages bring with them.</summary>
        public string[] Brought { get; init; } = [];

        /// <summary>Beginnings of the names of assemblies.</summary>
        public string[] MustNot { get; init; } = [];

        public IEnumerable<string> ViolationsInProject(string text)
        {
            foreach (var item in XDocument.Parse(text).Descendants().Where(element => element.Parent?.Name.LocalName == "ItemGroup"))
            {
                var name = (string?)item.Attribute("Include") ?? string.Empty;
                var violation = item.Name.LocalName switch
                {
                    "ProjectReference" => Projects.Contains(NameOf(name)) ? null : NameOf(name),
                    "PackageReference" => Packages?.Contains(name) ?? true ? null : name,
                    "FrameworkReference" or "Reference" => Packages is null ? null : name,
                    _ => null,
                };
                if (violation is not null)
                {
                    yield return violation;
                }
            }
        }

        public IEnumerable<string> ViolationsInAssembly(IEnumerable<string> references) => references.Where(reference =>
            MustNot.Any(beginning => reference.StartsWith(beginning, StringComparison.Ordinal))
            || (Packages is not null && !IsFramework(reference) && !IsAllowed(reference)));

        private static bool IsFramework(string reference) => reference.StartsWith("System.", StringComparison.Ordinal);

        private static string NameOf(string path) => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'));

        private bool IsAllowed(string reference) =>
            Projects.Any(project => reference == $"ProductCache.{project}")
            || Packages!.Concat(Brought).Any(beginning => reference.StartsWith(beginning, StringComparison.Ordinal));
    }
}
