using System.CommandLine;
using System.Globalization;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>lag: records that wait for the Workers.</summary>
internal static class Lag
{
    public static Command Command()
    {
        var command = new Command("lag", "Shows how far the Workers are behind, by partition.");
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var partitions = await tool.Get<IConsumerLag>().ReadAsync(cancellationToken);
                if (tool.IsJson)
                {
                    tool.Json(new { Total = partitions.Sum(partition => partition.Lag), Partitions = partitions });
                }
                else
                {
                    tool.Table(["topic", "partition", "committed", "end", "lag"], partitions.Select(partition => new[]
                    {
                        partition.Topic, Text(partition.Partition), partition.Committed is { } committed ? Text(committed) : "none", Text(partition.End), Text(partition.Lag),
                    }));
                    tool.Line($"{Text(partitions.Sum(partition => partition.Lag))} records wait.");
                }

                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
