using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Tools;
using Spectre.Console;

namespace ProductCache.Cli;

/// <summary>What a verb works with: the services, and the output in the format that was asked for.</summary>
internal sealed class Tool(IServiceProvider services, bool json)
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Progress and questions: not part of the result.</summary>
    public static readonly IAnsiConsole Errors = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public bool IsJson => json;

    public IMediator Mediator => services.GetRequiredService<IMediator>();

    public TimeProvider Time => services.GetRequiredService<TimeProvider>();

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    /// <returns>Null: the settings do not ask for it.</returns>
    public T? Find<T>()
        where T : class => services.GetService<T>();

    /// <summary>Runs a verb with the services that the environment configures, and translates its faults into a sentence and an exit code.</summary>
    public static Task<int> RunAsync(ParseResult arguments, Func<Tool, Task<int>> runAsync, CancellationToken cancellationToken) =>
        RunAsync(arguments, ToolRegistration.BuildTools, runAsync, cancellationToken);

    /// <summary>The same for a verb of mappings.</summary>
    public static Task<int> RunMappingAsync(ParseResult arguments, Func<Tool, IMappingTools, Task<int>> runAsync, CancellationToken cancellationToken) =>
        RunAsync(arguments, ToolRegistration.BuildMappingTools, tool => runAsync(tool, tool.Get<IMappingTools>()), cancellationToken);

    private static async Task<int> RunAsync(
        ParseResult arguments, Func<Settings, ServiceProvider> build, Func<Tool, Task<int>> runAsync, CancellationToken cancellationToken)
    {
        try
        {
            await using var services = build(new Settings(new ConfigurationBuilder().AddEnvironmentVariables().Build()));
            return await runAsync(new Tool(services, arguments.GetValue(CommandLine.Json)));
        }
        catch (SettingsException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return ExitCode.Usage;
        }
        catch (UsageException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return ExitCode.Usage;
        }
        catch (UnavailableException unavailable)
        {
            await Console.Error.WriteLineAsync(SentenceOf(unavailable));
            return ExitCode.Unavailable;
        }
        catch (StoreNotRepairedException refused)
        {
            await Console.Error.WriteLineAsync($"PostgreSQL refuses: {refused.Message}.");
            return ExitCode.Unavailable;
        }
        catch (NotSupportedException unsupported)
        {
            await Console.Error.WriteLineAsync(unsupported.Message);
            return ExitCode.Usage;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
    }

    /// <exception cref="UsageException">The text is not a product id.</exception>
    public ProductId IdOf(string text)
    {
        var type = Get<ProductIdType>();
        return type.TryParse(text, out var id) ? id : throw new UsageException($"'{text}' is not a product id: {type.Rule}.");
    }

    /// <summary>Asks before something that cannot be undone.</summary>
    /// <exception cref="UsageException">The answer was no, or the input is not a terminal.</exception>
    public static void Confirm(ParseResult arguments, string question)
    {
        if (arguments.GetValue(CommandLine.Yes))
        {
            return;
        }

        if (Console.IsInputRedirected || !Errors.Profile.Capabilities.Interactive)
        {
            throw new UsageException($"{question} Add --yes to confirm.");
        }

        if (!Errors.Confirm(Markup.Escape(question), defaultValue: false))
        {
            throw new UsageException("Nothing was done.");
        }
    }

    public void Json(object document) => Console.WriteLine(JsonSerializer.Serialize(document, Format));

    public void Line(string text) => Console.WriteLine(text);

    /// <summary>A table on a terminal, and columns that scripts can cut elsewhere.</summary>
    public void Table(string[] columns, IEnumerable<string[]> rows)
    {
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(string.Join('\t', columns));
            foreach (var row in rows)
            {
                Console.WriteLine(string.Join('\t', row));
            }

            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        Array.ForEach(columns, column => table.AddColumn(column));
        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        AnsiConsole.Write(table);
    }

    private static string SentenceOf(UnavailableException unavailable)
    {
        var server = unavailable.Dependency switch { Dependency.Cache => "Redis", Dependency.Broker => "Kafka", _ => "PostgreSQL" };
        return unavailable.Reason is { } reason ? $"{reason}." : $"{server} does not answer: {unavailable.InnerException?.Message ?? unavailable.Message}";
    }
}

/// <summary>An argument is wrong, or a confirmation is missing; the message says which.</summary>
internal sealed class UsageException(string message) : Exception(message);
