using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>The Worker's hot read beside what EF Core would do, for batches of 1 and of 100.</summary>
internal static class SqlReads
{
    private const int Rounds = 7;
    private const int Reads = 400;

    private static readonly Func<ProductsDbContext, long[], IAsyncEnumerable<ProductRow>> Compiled = EF.CompileAsyncQuery(
        (ProductsDbContext context, long[] ids) => context.Products.AsNoTracking().Where(product => ids.Contains(product.Id)));

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(5_000);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgresForWorkers(new PostgresOptions(servers.ConnectionString + ";Max Auto Prepare=20;Auto Prepare Min Usages=2"));
        await using var provider = services.BuildServiceProvider();
        var store = provider.GetRequiredService<IProductStore>();

        string[] names = ["Npgsql, prepared (the Worker)", "EF Core, no tracking", "EF Core, compiled query"];
        List<IReadOnlyList<string>> rows = [];
        List<Bar> bars = [];
        foreach (var size in new[] { 1, 100 })
        {
            List<double>[] times = [[], [], []];
            for (var round = -1; round < Rounds; round++)
            {
                Func<long[], Task>[] contenders =
                [
                    async ids => await store.ReadAsync([.. ids.Select(id => new ProductId(id))], default),
                    async ids =>
                    {
                        await using var scope = provider.CreateAsyncScope();
                        var context = scope.ServiceProvider.GetRequiredService<ProductsDbContext>();
                        await context.Products.AsNoTracking().Where(product => ids.Contains(product.Id)).ToListAsync();
                    },
                    async ids =>
                    {
                        await using var scope = provider.CreateAsyncScope();
                        await foreach (var row in Compiled(scope.ServiceProvider.GetRequiredService<ProductsDbContext>(), ids))
                        {
                            _ = row.Id;
                        }
                    },
                ];
                for (var i = 0; i < contenders.Length; i++)
                {
                    var started = Stopwatch.GetTimestamp();
                    for (var n = 0; n < Reads; n++)
                    {
                        var start = first + (n * 37 % 4_800);
                        await contenders[i]([.. Enumerable.Range(0, size).Select(offset => start + offset)]);
                    }

                    if (round >= 0)
                    {
                        times[i].Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / Reads);
                    }
                }
            }

            for (var i = 0; i < names.Length; i++)
            {
                var name = $"batch of {size}: {names[i]}";
                rows.Add(
                [
                    name, Figures.Number(Median(times[i])), Figures.Number(times[i].Min()), Figures.Number(times[i].Max()),
                    Figures.Ratio(Ratio(times[i], times[0])),
                ]);
                bars.Add(new Bar(name, Median(times[i]), times[i].Min(), times[i].Max(), Own: i == 0));
            }
        }

        return new Section(
            "SQL reads",
            $"{Reads} batches a round, {Rounds} rounds in turns; microseconds per batch.",
            [
                new ReportTable(
                    ["", "µs, median", "min", "max", "ratio to Npgsql"],
                    rows,
                    new BarChart("sql", "SQL reads: one batch", "µs", $"Median of {Rounds} rounds; whiskers: the fastest and the slowest", bars)),
            ]);
    }
}
