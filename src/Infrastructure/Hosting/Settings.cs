using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// The flat settings of a process (environment variables, or --KEY=value on the command line). Collects the faults of all settings and reports
/// them together.
/// </summary>
public sealed class Settings(IConfiguration configuration)
{
    private const string Plaintext = "PLAINTEXT://";

    private readonly List<string> faults = [];

    public string Text(string key, string? fallback = null)
    {
        var text = configuration[key];
        if (!string.IsNullOrWhiteSpace(text))
        {
            return text.Trim();
        }

        if (fallback is null)
        {
            faults.Add($"{key} is missing.");
        }

        return fallback ?? string.Empty;
    }

    /// <summary>A secret: the text itself in KEY, or the path of a file that holds it in KEY_FILE.</summary>
    public string Secret(string key, string? fallback = null) => SecretSource(key, fallback).Value;

    /// <summary>The same, for users that can take another secret while they run.</summary>
    public Secret SecretSource(string key, string? fallback = null)
    {
        var file = configuration[$"{key}_FILE"];
        if (string.IsNullOrWhiteSpace(file))
        {
            return Security.Secret.OfText(key, Text(key, fallback));
        }

        if (!string.IsNullOrEmpty(configuration[key]))
        {
            faults.Add($"{key} and {key}_FILE must not both be set.");
        }

        var secret = Security.Secret.OfFile($"{key}_FILE", file);
        try
        {
            _ = secret.Value;
            return secret;
        }
        catch (FormatException)
        {
            faults.Add($"{key}_FILE names an empty file: {file}.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add($"{key}_FILE names a file that cannot be read: {file}.");
        }

        return Security.Secret.OfText(key, string.Empty);
    }

    /// <summary>Whether KEY or KEY_FILE has a value.</summary>
    public bool HasSecret(string key) => Has(key) || Has($"{key}_FILE");

    public bool Has(string key) => !string.IsNullOrWhiteSpace(configuration[key]);

    public int Number(string key, int fallback, int min, int max)
    {
        var text = configuration[key];
        if (string.IsNullOrWhiteSpace(text))
        {
            return fallback;
        }

        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
        {
            return number;
        }

        faults.Add($"{key} must be an integer from {min} to {max}, not '{text}'.");
        return fallback;
    }

    /// <summary>
    /// The port of a server: a number, or the URL that Kubernetes sets for a Service of this name (tcp://10.0.0.1:6379), whose port is
    /// used.
    /// </summary>
    public int Port(string key, int fallback) =>
        TryReadServiceLink(configuration[key], out var port) ? port : Number(key, fallback, 1, 65_535);

    /// <summary>A free port to listen on. A used port is reported here, because the server would report it with a stack trace.</summary>
    public int FreePort(string key, int fallback)
    {
        var faultsBefore = faults.Count;
        if (TryReadServiceLink(configuration[key], out _))
        {
            // The port of the Service may differ from the port that the process should listen on.
            var service = key[..^"_PORT".Length].ToLowerInvariant().Replace('_', '-');
            faults.Add($"{key} is '{configuration[key]}', which Kubernetes sets for a Service named {service}: set enableServiceLinks: false in the pod specification, or set {key} to a number.");
            return fallback;
        }

        var port = Number(key, fallback, 1, 65_535);
        if (faults.Count == faultsBefore
            && IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port))
        {
            faults.Add($"{key} is {port}, but another process listens on that port.");
        }

        return port;
    }

    public TimeSpan Seconds(string key, TimeSpan fallback, int min, int max) =>
        TimeSpan.FromSeconds(Number(key, (int)fallback.TotalSeconds, min, max));

    /// <summary>One of the given words. The first one is the default.</summary>
    public string OneOf(string key, params string[] words)
    {
        var text = Text(key, words[0]);
        if (words.Contains(text))
        {
            return text;
        }

        faults.Add($"{key} must be {string.Join(" or ", words)}, not '{text}'.");
        return words[0];
    }

    public bool Flag(string key, bool fallback)
    {
        var text = configuration[key];
        if (string.IsNullOrWhiteSpace(text))
        {
            return fallback;
        }

        if (bool.TryParse(text, out var flag))
        {
            return flag;
        }

        faults.Add($"{key} must be true or false, not '{text}'.");
        return fallback;
    }

    /// <summary>A comma-separated list of <c>host:port</c>.</summary>
    public string Addresses(string key)
    {
        var text = Text(key);
        foreach (var address in text.Length == 0 ? [] : text.Split(',', StringSplitOptions.TrimEntries))
        {
            // librdkafka accepts the prefix of the configured protocol. With another prefix it never connects.
            var broker = address.StartsWith(Plaintext, StringComparison.OrdinalIgnoreCase) ? address[Plaintext.Length..] : address;
            var colon = broker.LastIndexOf(':');
            if (colon < 1 || broker.Contains('/', StringComparison.Ordinal) || !TryReadPort(broker[(colon + 1)..], out _))
            {
                faults.Add($"{key} must be a comma-separated list of host:port, not '{address}'.");
            }
        }

        return text;
    }

    /// <summary>A comma-separated list of hosts, each with an optional port: <c>redis</c>, <c>redis:6390</c>, <c>[::1]:6390</c>, <c>::1</c>.</summary>
    /// <param name="port">The default port.</param>
    public IReadOnlyList<(string Host, int Port)> Endpoints(string key, int port)
    {
        List<(string, int)> endpoints = [];
        var text = Text(key);
        foreach (var part in text.Length == 0 ? [] : text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (TryReadEndpoint(part, port, out var endpoint))
            {
                endpoints.Add(endpoint);
            }
            else
            {
                faults.Add($"{key} must be a comma-separated list of host or host:port, not '{part}'.");
            }
        }

        return endpoints;
    }

    /// <summary>Adds a fault that the caller found.</summary>
    public void Refuse(string fault) => faults.Add(fault);

    /// <exception cref="SettingsException">A setting is missing or invalid.</exception>
    public void ThrowIfWrong()
    {
        if (faults.Count > 0)
        {
            throw new SettingsException(string.Join(" ", faults.Distinct()));
        }
    }

    private static bool TryReadEndpoint(string text, int defaultPort, out (string Host, int Port) endpoint)
    {
        var (host, port) = (text, defaultPort);
        var colon = text.LastIndexOf(':');
        if (text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is var end and > 0)
        {
            host = text[1..end];
            endpoint = (host, port);
            if (!IsIPv6(host) || (end + 1 < text.Length && (text[end + 1] != ':' || !TryReadPort(text[(end + 2)..], out port))))
            {
                return false;
            }
        }
        else if (colon >= 0 && !IsIPv6(text))
        {
            host = text[..colon];
            if (!TryReadPort(text[(colon + 1)..], out port))
            {
                endpoint = default;
                return false;
            }
        }

        endpoint = (host, port);
        return IsIPv6(host) || (host.Length > 0 && !host.Any(character => char.IsWhiteSpace(character) || character is ':' or '/' or '@' or '[' or ']'));
    }

    private static bool IsIPv6(string text) => IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6;

    private static bool TryReadPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= IPEndPoint.MaxPort;

    private static bool TryReadServiceLink(string? text, out int port)
    {
        port = Uri.TryCreate(text?.Trim(), UriKind.Absolute, out var address) && address is { Scheme: "tcp", AbsolutePath: "/" or "" } ? address.Port : -1;
        return port > 0;
    }
}

/// <summary>Settings are missing or invalid. The message has a sentence for each.</summary>
public sealed class SettingsException(string message) : Exception(message);
