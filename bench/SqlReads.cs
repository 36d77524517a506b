using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Postgres;

namespace ProductCache.Bench;

/// <summary>The Worker's hot read beside what EF Core would do, for batches of 1 and of 100.</summary>
internal static class SqlReads
{
    private const int Rounds = 7;
    private const int Reads = 400;

    private static readonly Func<ProductsDbContext, long[], IAsyncEnumerable<ProductRow>> Compiled = EF.CompileAsyncQuery(
        (ProductsDbContext context, long[] ids) => context.Products.AsNoTracking().Where(product => ids.Contains(product.Id)));

    public static async Task RunAsync(BenchServers servers)
    {
        var first = await servers.InsertAsync(5_000);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgresForWorkers(new PostgresOptions(servers.ConnectionString + ";Max Auto Prepare=20;Auto Prepare Min Usages=2"));
        await using var provider = services.BuildServiceProvider();
        var store = provider.GetRequiredService<IProductStore>();

        Console.WriteLine($"\nSQL reads: {Reads} batches, {Rounds} rounds in turns, median per batch\n");
        Console.WriteLine("| batch | Npgsql, prepared | EF, no tracking | EF, compiled query |\n| --- | --- | --- | --- |");
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

            var medians = times.Select(values => values.Order().ElementAt(Rounds / 2)).ToArray();
            Console.WriteLine($"| {size} | {medians[0]:0} µs | {medians[1]:0} µs ({medians[1] / medians[0]:0.00}×) | {medians[2]:0} µs ({medians[2] / medians[0]:0.00}×) |");
        }
    }
}
