using System.CommandLine;
using System.Globalization;
using ProductCache.Application;
using ProductCache.Domain;
using Spectre.Console;

namespace ProductCache.Cli.Verbs;

/// <summary>warm --all | --query TEXT | --ids FILE</summary>
internal static class Warm
{
    /// <summary>Products that are filled at once, by one statement.</summary>
    private const int BatchSize = 100;

    private const int DefaultRate = 2_000;
    private const int MaxRate = 100_000;

    public static Command Command()
    {
        var all = new Option<bool>("--all") { Description = "every product, in the order of ids" };
        var query = new Option<string?>("--query") { Description = "products whose name contains this text" };
        var ids = new Option<FileInfo?>("--ids") { Description = "products of a file with an id on each line; - reads the standard input" };
        var rate = new Option<int>("--rate") { Description = $"products per second, 1 to {MaxRate}", DefaultValueFactory = _ => DefaultRate };
        var state = new Option<FileInfo?>("--state") { Description = "a file that remembers the last id: an interrupted run continues after it" };
        var command = new Command("warm", "Fills the cache with products that are not cached, through the same fence as the Workers.") { all, query, ids, rate, state };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                var (text, file, perSecond, memory) = (arguments.GetValue(query), arguments.GetValue(ids), arguments.GetValue(rate), arguments.GetValue(state));
                if (new[] { arguments.GetValue(all), text is not null, file is not null }.Count(isSet => isSet) != 1)
                {
                    throw new UsageException("Use one of --all, --query and --ids.");
                }

                if (perSecond is < 1 or > MaxRate)
                {
                    throw new UsageException($"--rate must be 1 to {MaxRate}, not {perSecond}.");
                }

                if (memory is not null && file is not null)
                {
                    throw new UsageException("--state works with --all and --query: a file of ids has no order.");
                }

                var batches = file is null ? FromStoreAsync(tool, text, ReadState(tool, memory), cancellationToken) : FromFileAsync(tool, file, cancellationToken);
                var total = file is null && text is null ? await tool.Get<IProductIds>().EstimateAsync(cancellationToken) : (long?)null;
                return await FillAsync(tool, batches, total, perSecond, memory, cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static async Task<int> FillAsync(
        Tool tool, IAsyncEnumerable<IReadOnlyList<ProductId>> batches, long? total, int rate, FileInfo? memory, CancellationToken cancellationToken)
    {
        var (seen, filled, cached, failed) = (0L, 0L, 0L, 0L);
        async Task RunAsync(Action<long> progress)
        {
            await foreach (var batch in batches.WithCancellation(cancellationToken))
            {
                var began = tool.Time.GetTimestamp();
                try
                {
                    var result = await tool.Mediator.Send(new FillCache([.. batch.Select(id => new FillRequest(id))]), cancellationToken);
                    filled += result.Stored;
                    cached += result.AlreadyThere;
                }
                catch (UnreadableProductException)
                {
                    // Those of the batch that can be read are filled; the others have a reason for their readers when they ask.
                    failed++;
                }

                seen += batch.Count;
                progress(seen);
                if (memory is not null)
                {
                    await File.WriteAllTextAsync(memory.FullName, batch[^1].Text, cancellationToken);
                }

                var pace = TimeSpan.FromSeconds((double)batch.Count / rate) - tool.Time.GetElapsedTime(began);
                if (pace > TimeSpan.Zero)
                {
                    await Task.Delay(pace, tool.Time, cancellationToken);
                }
            }
        }

        if (Console.IsErrorRedirected || tool.IsJson)
        {
            await RunAsync(_ => { });
        }
        else
        {
            await Tool.Errors.Progress().StartAsync(async context =>
            {
                var task = context.AddTask("products", maxValue: Math.Max(total ?? 0, 1));
                task.IsIndeterminate = total is null or 0;
                await RunAsync(now => task.Value(now));
                task.StopTask();
            });
        }

        memory?.Delete();
        if (tool.IsJson)
        {
            tool.Json(new { Products = seen, Filled = filled, AlreadyCached = cached, BatchesWithUnreadableRows = failed });
        }
        else
        {
            tool.Line(string.Create(CultureInfo.InvariantCulture, $"{seen} products: {filled} filled, {cached} were cached already{(failed > 0 ? $", {failed} batches had rows that cannot be read" : string.Empty)}."));
        }

        return failed > 0 ? ExitCode.Found : ExitCode.Succeeded;
    }

    private static ProductId? ReadState(Tool tool, FileInfo? memory)
    {
        if (memory is not { Exists: true })
        {
            return null;
        }

        var text = File.ReadAllText(memory.FullName).Trim();
        return tool.Get<ProductIdType>().TryParse(text, out var id) ? id : throw new UsageException($"The file {memory.FullName} does not hold a product id.");
    }

    private static async IAsyncEnumerable<IReadOnlyList<ProductId>> FromStoreAsync(
        Tool tool, string? query, ProductId? after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var batch = await tool.Get<IProductIds>().ReadAsync(after, query, BatchSize, cancellationToken);
            if (batch.Count == 0)
            {
                yield break;
            }

            yield return batch;
            after = batch[^1];
        }
    }

    private static async IAsyncEnumerable<IReadOnlyList<ProductId>> FromFileAsync(
        Tool tool, FileInfo file, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (file.Name != "-" && !file.Exists)
        {
            throw new UsageException($"There is no file {file.FullName}.");
        }

        using var reader = file.Name == "-" ? Console.In : file.OpenText();
        List<ProductId> batch = new(BatchSize);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Trim() is { Length: > 0 } text)
            {
                batch.Add(tool.IdOf(text));
            }

            if (batch.Count == BatchSize)
            {
                yield return batch;
                batch = new(BatchSize);
            }
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }
}
