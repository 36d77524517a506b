using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using ZiggyCreatures.Caching.Fusion;

namespace ProductCache.Bench;

/// <summary>What the measurements were taken on.</summary>
internal static partial class Machine
{
    /// <summary>Such as "AMD EPYC, 2 cores".</summary>
    public static string Short => $"{Processor}, {Environment.ProcessorCount} cores";

    /// <summary>The mean number of runnable processes in the last minute: what others did to the machine.</summary>
    public static string LoadAverage => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    private static string Processor => Value("/proc/cpuinfo", "model name", ':') ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static double MemoryGiB =>
        double.Parse(Value("/proc/meminfo", "MemTotal", ':')!.Split(' ')[0], CultureInfo.InvariantCulture) / (1024 * 1024);

    /// <summary>Machine, system and versions, as a list of Markdown.</summary>
    public static string Describe()
    {
        (string Name, string Value)[] facts =
        [
            ("Processor", Short),
            ("Memory", string.Create(CultureInfo.InvariantCulture, $"{MemoryGiB:0.0} GiB")),
            ("Kernel", File.ReadAllText("/proc/sys/kernel/osrelease").Trim()),
            ("System", Value("/etc/os-release", "PRETTY_NAME", '=')?.Trim('"') ?? RuntimeInformation.OSDescription),
            (".NET", Environment.Version.ToString()),
            ("PostgreSQL", Version(Postgres(), "--version")),
            ("Redis", Version("redis-server", "--version")),
            ("Kafka", string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KAFKA_BOOTSTRAP"))
                ? $"embedded: the mock cluster of librdkafka {Library.VersionString}, one broker in the process of the bench"
                : $"the brokers of KAFKA_BOOTSTRAP; client librdkafka {Library.VersionString}"),
            ("Load generator of `hits`", $"wrk {Version("wrk", "-v")}"),
            ("Peers", $"HybridCache {PackageVersion(typeof(HybridCacheOptions))}, FusionCache {PackageVersion(typeof(FusionCache))}, " +
                $"IDistributedCache by Microsoft.Extensions.Caching.StackExchangeRedis {PackageVersion(typeof(RedisCache))}"),
        ];
        return string.Concat(facts.Select(fact => $"- {fact.Name}: {fact.Value}\n"));
    }

    /// <summary>The commit that is measured, and whether its files were changed since.</summary>
    public static string Commit()
    {
        var commit = FirstLine("git", "rev-parse", "--short", "HEAD");
        if (!Hash().IsMatch(commit))
        {
            return "an unknown commit";
        }

        return FirstLine("git", "status", "--porcelain", "--", "src", "bench", "Directory.Packages.props").Length == 0
            ? $"commit `{commit}`"
            : $"commit `{commit}` with changes";
    }

    private static string PackageVersion(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    // Debian keeps the servers of each version in a folder of its own, and none on the PATH.
    private static string Postgres()
    {
        const string debian = "/usr/lib/postgresql";
        var folders = Directory.Exists(debian) ? Directory.GetDirectories(debian) : [];
        return folders.Select(folder => Path.Combine(folder, "bin", "postgres")).Where(File.Exists).Max() ?? "postgres";
    }

    private static string? Value(string file, string name, char separator) => File.ReadLines(file)
        .Select(line => line.Split(separator, 2))
        .FirstOrDefault(pair => pair[0].Trim() == name)?[1].Trim();

    private static string Version(string program, string argument) =>
        Number().Match(FirstLine(program, argument)) is { Success: true } version ? version.Value : "not installed";

    private static string FirstLine(string program, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return output.Split('\n')[0].Trim();
        }
        catch (Win32Exception)
        {
            return "";
        }
    }

    [GeneratedRegex(@"\d+(\.\d+)+")]
    private static partial Regex Number();

    [GeneratedRegex("^[0-9a-f]+$")]
    private static partial Regex Hash();
}
