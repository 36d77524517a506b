using System.Diagnostics;
using Npgsql;
using static ProductCache.Bench.Statistics;

namespace ProductCache.Bench;

/// <summary>What a mapping costs: writers of the tables, readers of the products, and the way of a change.</summary>
internal static class Mapping
{
    private const int Items = 20_000;
    private const int ItemsOfCategory = 1_000;
    private const int HotItems = 1_000;
    private const int Rounds = 9;
    private const int WritesOfRound = 300;
    private const int Changes = 100;

    private const string Plain = "plain_shop";
    private const string Mapped = "mapped_shop";

    private static readonly string Text =
        $"""
        -- id: bigint
        -- watch: {Mapped}.items (id)
        -- watch: {Mapped}.prices (item_id)
        -- watch: {Mapped}.item_categories (item_id)
        -- watch: {Mapped}.categories (id) -> select item_id from {Mapped}.item_categories where category_id = any(@keys)
        select i.id,
               jsonb_build_object('id', i.id, 'name', i.name, 'price', p.amount, 'description', i.description,
                 'categories', (select coalesce(jsonb_agg(c.name order by c.id), '[]') from {Mapped}.item_categories as ic
                                join {Mapped}.categories as c on c.id = ic.category_id where ic.item_id = i.id)) as body
        from {Mapped}.items as i join {Mapped}.prices as p on p.item_id = i.id
        where i.id = any(@ids)
        """;

    public static async Task<Section> RunAsync(BenchServers servers)
    {
        foreach (var schema in (string[])[Plain, Mapped])
        {
            await ExecuteAsync(servers, TablesOf(schema));
        }

        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Text);
        var api = await servers.StartMappedAsync(file);
        var visible = await ChangesAsync(servers, api);
        var writes = await WritesAsync(servers);
        var hits = await HitsAsync(servers, api);
        File.Delete(file);
        return new Section(
            "Mapping",
            $"A shop of {Items:N0} items with prices and categories, four watched tables; beside it the same tables without triggers, and the built-in table. {Rounds} rounds in turns.",
            [writes, visible, hits]);
    }

    private static string TablesOf(string schema) =>
        $"""
        CREATE SCHEMA {schema};
        CREATE TABLE {schema}.items (id bigint PRIMARY KEY, name text NOT NULL, description text NOT NULL);
        CREATE TABLE {schema}.prices (item_id bigint PRIMARY KEY, amount numeric(12, 2) NOT NULL);
        CREATE TABLE {schema}.categories (id int PRIMARY KEY, name text NOT NULL);
        CREATE TABLE {schema}.item_categories (item_id bigint NOT NULL, category_id int NOT NULL, PRIMARY KEY (item_id, category_id));
        INSERT INTO {schema}.items SELECT n, 'Item ' || n, repeat('x', 100) FROM generate_series(1, {Items}) AS n;
        INSERT INTO {schema}.prices SELECT n, 9.99 FROM generate_series(1, {Items}) AS n;
        INSERT INTO {schema}.categories SELECT n, 'Category ' || n FROM generate_series(1, {Items / ItemsOfCategory}) AS n;
        INSERT INTO {schema}.item_categories SELECT n, 1 + n / {ItemsOfCategory} FROM generate_series(1, {Items - 1}) AS n;
        CREATE INDEX ON {schema}.item_categories (category_id);
        ANALYZE;
        """;

    private static async Task<ReportTable> WritesAsync(BenchServers servers)
    {
        (string Name, Func<string, Task<double>> RunAsync)[] kinds =
        [
            ("a price, one UPDATE in a transaction", schema => SinglesAsync(servers, schema)),
            ($"{Items:N0} prices, one UPDATE", schema => TimedAsync(servers, $"UPDATE {schema}.prices SET amount = amount + 0.01")),
            ($"a category of {ItemsOfCategory:N0} items, one UPDATE", schema => TimedAsync(servers, $"UPDATE {schema}.categories SET name = name || '.' WHERE id = 3")),
        ];
        List<IReadOnlyList<string>> rows = [];
        foreach (var (name, runAsync) in kinds)
        {
            List<double> plain = [], mapped = [];
            for (var round = -1; round < Rounds; round++)
            {
                var (one, other) = (await runAsync(Plain), await runAsync(Mapped));
                if (round >= 0)
                {
                    plain.Add(one);
                    mapped.Add(other);
                }
            }

            rows.Add([name, Figures.Number(Median(plain)), Figures.Number(Median(mapped)), Figures.Ratio(Ratio(mapped, plain))]);
        }

        return new ReportTable(["write", "without triggers, ms", "with triggers, ms", "ratio"], rows);
    }

    private static async Task<double> SinglesAsync(BenchServers servers, string schema)
    {
        await using var connection = await servers.DataSource.OpenConnectionAsync();
        var began = Stopwatch.GetTimestamp();
        for (var i = 1; i <= WritesOfRound; i++)
        {
            await using var command = new NpgsqlCommand($"UPDATE {schema}.prices SET amount = amount + 0.01 WHERE item_id = $1", connection) { Parameters = { new() { Value = (long)i } } };
            await command.ExecuteNonQueryAsync();
        }

        return Stopwatch.GetElapsedTime(began).TotalMilliseconds / WritesOfRound;
    }

    private static async Task<double> TimedAsync(BenchServers servers, string sql)
    {
        var began = Stopwatch.GetTimestamp();
        await ExecuteAsync(servers, sql);
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static async Task<ReportTable> ChangesAsync(BenchServers servers, int api)
    {
        using var client = new HttpClient();
        (string Table, string Sql, Func<int, int> ItemOf)[] kinds =
        [
            ("items", $"UPDATE {Mapped}.items SET name = 'N' || $1 WHERE id = $2", i => i + 1),
            ("prices", $"UPDATE {Mapped}.prices SET amount = $1 WHERE item_id = $2", i => i + 1),
            ("item_categories", $"UPDATE {Mapped}.item_categories SET category_id = 1 + category_id % 20 WHERE item_id = $2 AND $1 > 0", i => i + 1),
            ($"categories, an item of {ItemsOfCategory:N0}", $"UPDATE {Mapped}.categories SET name = 'C' || $1 WHERE id = 1 + $2 / {ItemsOfCategory}", _ => 15_500),
        ];
        List<IReadOnlyList<string>> rows = [];
        foreach (var (table, sql, itemOf) in kinds)
        {
            List<double> times = [];
            for (var i = -10; i < Changes; i++)
            {
                var id = itemOf(Math.Max(i, 0));
                var before = await HitLoad.GetAsync(client, api, id, default);
                await using (var command = servers.DataSource.CreateCommand(sql))
                {
                    command.Parameters.AddWithValue(i + 100);
                    command.Parameters.AddWithValue((long)id);
                    await command.ExecuteNonQueryAsync();
                }

                var elapsed = await ProductCache.Bench.Changes.UntilAsync(async () => await HitLoad.GetAsync(client, api, id, default) != before, Stopwatch.GetTimestamp());
                if (i >= 0)
                {
                    times.Add(elapsed);
                }
            }

            rows.Add(ProductCache.Bench.Changes.Row(table, times));
        }

        return new ReportTable(["change of a row of", "COMMIT to the Api, p50, ms", "p99, ms"], rows);
    }

    private static async Task<ReportTable> HitsAsync(BenchServers servers, int api)
    {
        var first = await servers.InsertAsync(HotItems);
        using var client = new HttpClient();
        await Parallel.ForEachAsync(Enumerable.Range(0, HotItems), async (offset, cancellationToken) =>
        {
            await HitLoad.GetAsync(client, servers.ApiPort, first + offset, cancellationToken);
            await HitLoad.GetAsync(client, api, first + offset, cancellationToken);
        });
        var loads = await HitLoad.InTurnsAsync([servers.ApiPort, api], first, HotItems, warmUps: 2, Rounds);
        List<double>[] rates = [.. loads.Select(one => one.ConvertAll(load => load.Rate))];
        return new ReportTable(
            ["hits of", "requests/s, median", "ratio"],
            [
                ["the built-in table", Figures.Number(Median(rates[0])), Figures.Ratio(1)],
                ["the mapping", Figures.Number(Median(rates[1])), Figures.Ratio(Ratio(rates[1], rates[0]))],
            ]);
    }

    private static async Task ExecuteAsync(BenchServers servers, string sql)
    {
        await using var command = servers.DataSource.CreateCommand(sql);
        command.CommandTimeout = 120;
        await command.ExecuteNonQueryAsync();
    }
}
