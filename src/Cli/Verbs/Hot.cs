using System.CommandLine;
using System.Globalization;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>hot: the most read products of all Apis.</summary>
internal static class Hot
{
    private const int Limit = 20;

    public static Command Command()
    {
        var command = new Command("hot", $"Shows the {Limit} most read products of all Apis, estimated from a sample of the last minute.");
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var reports = await tool.Get<IInstances>().ReadAsync(cancellationToken);
                List<HotProduct> products =
                [
                    .. reports.SelectMany(report => report.Hot)
                        .GroupBy(product => product.Id, product => product.ReadsPerMinute)
                        .Select(product => new HotProduct(product.Key, product.Sum()))
                        .OrderByDescending(product => product.ReadsPerMinute)
                        .ThenBy(product => product.Id, StringComparer.Ordinal)
                        .Take(Limit),
                ];
                if (tool.IsJson)
                {
                    tool.Json(products);
                }
                else if (products.Count == 0)
                {
                    tool.Line("No product was read in the last minute.");
                }
                else
                {
                    tool.Table(["product", "reads per minute"], products.Select(product => new[]
                    {
                        product.Id, product.ReadsPerMinute.ToString(CultureInfo.InvariantCulture),
                    }));
                }

                return ExitCode.Succeeded;
            },
            cancellationToken));
        return command;
    }
}
