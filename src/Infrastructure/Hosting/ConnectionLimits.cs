using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ProductCache.Infrastructure.Hosting;

/// <param name="Max">Open connections of the port. The effective limit is lower if the process may not open so many files.</param>
/// <param name="PerAddress">Open connections of one address (<see cref="ClientAddress"/>). 0 means unlimited.</param>
/// <param name="Exempt">Proxies, which have no limit per address because they serve many clients.</param>
/// <param name="Setting">The variable that sets Max. Null if Max is a default, so that a lower effective limit is not logged.</param>
public sealed record ConnectionLimitOptions(int Max, int PerAddress, IReadOnlyList<IPNetwork> Exempt, string? Setting = null);

/// <summary>
/// Limits the open connections of a port, per address and in total. A connection above the limit is closed before a byte is read, counted in
/// productcache.connections.refused and logged (sampled).
/// </summary>
public sealed partial class ConnectionLimits
{
    /// <summary>The maximum idle time of a connection; <see cref="ShortKeepAlive"/> if more than half of all connections are open.</summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(120);

    /// <inheritdoc cref="KeepAlive"/>
    public static readonly TimeSpan ShortKeepAlive = TimeSpan.FromSeconds(10);

    /// <summary>File descriptors reserved for connections to other servers, files and libraries; at most a quarter of all.</summary>
    public const int ReservedDescriptors = 512;

    private readonly ConnectionLimitOptions options;
    private readonly Shares shares;
    private readonly int max;
    private readonly Counter<long> refused;
    private readonly SampledLines lines;
    private readonly ILogger<ConnectionLimits> logger;

    public ConnectionLimits(ConnectionLimitOptions options, IMeterFactory meters, TimeProvider time, ILogger<ConnectionLimits> logger)
        : this(options, OpenFiles(), meters, time, logger)
    {
    }

    internal ConnectionLimits(ConnectionLimitOptions options, int? openFiles, IMeterFactory meters, TimeProvider time, ILogger<ConnectionLimits> logger)
    {
        this.options = options;
        this.logger = logger;
        max = openFiles is { } files ? Math.Min(options.Max, files - Math.Min(ReservedDescriptors, files / 4)) : options.Max;
        if (max < options.Max && options.Setting is { } setting)
        {
            LogFewer(setting, options.Max, openFiles!.Value, max);
        }

        shares = new Shares(max, options.PerAddress == 0 ? long.MaxValue : options.PerAddress);
        lines = new SampledLines(time);
        refused = meters.Create("ProductCache.Hosting").CreateCounter<long>(
            "productcache.connections.refused", "{connection}", "Connections closed because too many were open, by reason.");
    }

    /// <summary>Must precede all other middleware of the endpoint, in particular TLS.</summary>
    public void Use(ListenOptions listen, KestrelServerLimits limits) => listen.Use(next => connection => AcceptAsync(connection, next, limits));

    private async Task AcceptAsync(ConnectionContext connection, ConnectionDelegate next, KestrelServerLimits limits)
    {
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address;
        var client = ClientAddress.Of(address)?.ToString() ?? string.Empty;
        var result = shares.TryTake(client, 1, isExempt: address?.IsIn(options.Exempt) ?? true);
        if (result != ShareResult.Taken)
        {
            Refuse(client, result);
            connection.Abort();
            return;
        }

        try
        {
            // The server reads the timeout when a connection begins.
            limits.KeepAliveTimeout = shares.Total > max / 2 ? ShortKeepAlive : KeepAlive;
            await next(connection);
        }
        finally
        {
            shares.GiveBack(client, 1);
        }
    }

    private void Refuse(string client, ShareResult result)
    {
        var (reason, limit) = result == ShareResult.ClientHasItsShare ? ("address", options.PerAddress) : ("all", max);
        refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
        if (lines.MayWrite(client, out var leftOut))
        {
            LogRefused(client, reason == "address" ? "this address" : "all addresses", limit, leftOut);
        }
    }

    // At start the runtime has raised the soft limit to the hard limit.
    private static int? OpenFiles()
    {
        const string Label = "Max open files";
        try
        {
            var line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Label, StringComparison.Ordinal));
            var soft = line?[Label.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var files) ? files : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LoggerMessage(210, LogLevel.Warning, "{Setting} is {Configured}, but this process may open only {Files} files. It accepts {Effective} connections.")]
    private partial void LogFewer(string setting, int configured, int files, int effective);

    [LoggerMessage(211, LogLevel.Warning, "Connection from {Address} rejected: the limit for {Whose} is {Limit}. {LeftOut} further rejections of this address since the last line.")]
    private partial void LogRefused(string address, string whose, int limit, long leftOut);
}

public static class ConnectionLimitsRegistration
{
    /// <param name="configure">Adds middleware to the connection pipeline after the limit.</param>
    public static void LimitConnections(this WebApplicationBuilder builder, ConnectionLimitOptions options, Action<ListenOptions>? configure = null)
    {
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<ConnectionLimits>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // The limit of the server itself is not used, because it logs a line for each rejected connection.
            kestrel.Limits.KeepAliveTimeout = ConnectionLimits.KeepAlive;
            kestrel.ConfigureEndpointDefaults(listen =>
            {
                listen.ApplicationServices.GetRequiredService<ConnectionLimits>().Use(listen, kestrel.Limits);
                configure?.Invoke(listen);
            });
        });
    }
}
