using System.Globalization;
using System.Net.NetworkInformation;
using Microsoft.Extensions.Configuration;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// The flat settings of a process (environment variables, or --KEY=value on the command line). Reads all, then tells
/// everything that is wrong at once.
/// </summary>
public sealed class Settings(IConfiguration configuration)
{
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
    public string Secret(string key, string? fallback = null)
    {
        var file = configuration[$"{key}_FILE"];
        if (string.IsNullOrWhiteSpace(file))
        {
            return Text(key, fallback);
        }

        if (!string.IsNullOrEmpty(configuration[key]))
        {
            faults.Add($"{key} and {key}_FILE are both set: one of them is enough.");
        }

        try
        {
            var secret = File.ReadAllText(file).TrimEnd('\r', '\n');
            if (secret.Length == 0)
            {
                faults.Add($"{key}_FILE names an empty file: {file}.");
            }

            return secret;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add($"{key}_FILE names a file that cannot be read: {file}.");
            return string.Empty;
        }
    }

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

        faults.Add($"{key} must be a whole number from {min} to {max}, not '{text}'.");
        return fallback;
    }

    /// <summary>A port to listen on: one that no other process has. Told here, since the server would tell it with a stack trace.</summary>
    public int FreePort(string key, int fallback)
    {
        var faultsBefore = faults.Count;
        var port = Number(key, fallback, 1, 65_535);
        if (faults.Count == faultsBefore
            && IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port))
        {
            faults.Add($"{key} is {port}, and another process listens on that port.");
        }

        return port;
    }

    public TimeSpan Seconds(string key, TimeSpan fallback, int min, int max) =>
        TimeSpan.FromSeconds(Number(key, (int)fallback.TotalSeconds, min, max));

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
            var colon = address.LastIndexOf(':');
            if (colon < 1 || !ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
            {
                faults.Add($"{key} must list brokers as host:port, not '{address}'.");
            }
        }

        return text;
    }

    /// <summary>A comma-separated list of host names.</summary>
    public string[] Hosts(string key)
    {
        var hosts = Text(key).Split(',', StringSplitOptions.TrimEntries);
        if (configuration[key] is { Length: > 0 } text && hosts.Contains(string.Empty))
        {
            faults.Add($"{key} must list host names, not '{text}'.");
        }

        return hosts;
    }

    /// <summary>What only the one who reads a setting can tell to be wrong.</summary>
    public void Refuse(string fault) => faults.Add(fault);

    /// <exception cref="SettingsException">Something read so far is missing or wrong.</exception>
    public void ThrowIfWrong()
    {
        if (faults.Count > 0)
        {
            throw new SettingsException(string.Join(" ", faults));
        }
    }
}

/// <summary>The settings are wrong; the message names the keys in plain sentences.</summary>
public sealed class SettingsException(string message) : Exception(message);
