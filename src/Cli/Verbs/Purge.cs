using System.CommandLine;
using ProductCache.Application;

namespace ProductCache.Cli.Verbs;

/// <summary>purge ID… | --all</summary>
internal static class Purge
{
    public static Command Command()
    {
        var ids = new Argument<string[]>("ID") { Description = "the products", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "every product: all readers miss afterwards" };
        var command = new Command("purge", "Removes products from Redis, from all near caches, and from the shared caches in PURGE. The next reader requests them again.") { ids, all, CommandLine.Yes };
        command.SetAction((arguments, cancellationToken) => Tool.RunAsync(
            arguments,
            async tool =>
            {
                string[] named = arguments.GetValue(ids) ?? [];
                if (named.Length > 0 == arguments.GetValue(all))
                {
                    throw new UsageException("Name the products, or use --all.");
                }

                return named.Length > 0 ? await PurgeAsync(tool, named, cancellationToken) : await PurgeAllAsync(tool, arguments, cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static async Task<int> PurgeAsync(Tool tool, string[] named, CancellationToken cancellationToken)
    {
        foreach (var id in named.Select(tool.IdOf).ToList())
        {
            switch (await tool.Mediator.Send(new PurgeCache(id), cancellationToken))
            {
                case PurgeCacheResult.Unavailable:
                    throw new UnavailableException(Dependency.Cache, reason: $"Redis did not answer; whether product {id} was removed is not known");
                case PurgeCacheResult.NotPurgedInFront:
                    throw new UnavailableException(Dependency.SharedCache, reason: $"Product {id} was removed from Redis, but a shared cache did not acknowledge its purge");
            }
        }

        Report(tool, named.Length);
        return ExitCode.Succeeded;
    }

    private static async Task<int> PurgeAllAsync(Tool tool, ParseResult arguments, CancellationToken cancellationToken)
    {
        Tool.Confirm(arguments, "Remove every product from the cache? Until it is filled again, every reader misses.");
        await tool.Get<ICacheAudit>().RemoveAllAsync(cancellationToken);
        if (tool.Find<ISharedCaches>() is { } sharedCaches)
        {
            await sharedCaches.PurgeAllAsync(cancellationToken);
        }

        Report(tool, null);
        return ExitCode.Succeeded;
    }

    private static void Report(Tool tool, int? number)
    {
        if (tool.IsJson)
        {
            tool.Json(new { Purged = number, All = number is null });
        }
        else
        {
            tool.Line(number is null ? "All products were removed from the cache." : $"{number} products were removed from the cache.");
        }
    }
}
