using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>
/// Where a process listens: its port (API_PORT or WORKER_PORT) on LISTEN_ON, and for operators MANAGEMENT_PORT on MANAGEMENT_ADDRESS. The
/// Worker has nothing but what operators need, so a management port replaces its own.
/// </summary>
public sealed record Listeners
{
    /// <summary>LISTEN_ON: localhost accepts only connections from this machine, any accepts all network interfaces.</summary>
    public const string Localhost = "localhost";

    private const string Any = "any";
    private const string PortSetting = "MANAGEMENT_PORT";
    private const string AddressSetting = "MANAGEMENT_ADDRESS";

    private bool isLocal;
    private IPAddress? managementAddress;

    /// <summary>The port for clients. Null: there is only the management port.</summary>
    public int? Port { get; private init; }

    /// <summary>Null: /metrics and the details of /health/ready are on the port for clients, with a credential.</summary>
    public int? ManagementPort { get; private init; }

    /// <param name="isForOperators">Whether all routes of the process are for operators.</param>
    public static Listeners Read(Settings settings, string portKey, int defaultPort, bool isForOperators)
    {
        var isLocal = settings.OneOf("LISTEN_ON", Any, Localhost) == Localhost;
        var text = settings.Text(AddressSetting, string.Empty);
        IPAddress? address = null;
        if (text.Length > 0 && !IPAddress.TryParse(text, out address))
        {
            settings.Refuse($"{AddressSetting} must be an IP address of this machine, not '{text}'.");
        }

        int? management = settings.Has(PortSetting) ? settings.FreePort(PortSetting, defaultPort) : null;
        if (isForOperators)
        {
            if (management is not null && settings.Has(portKey))
            {
                settings.Refuse($"{portKey} and {PortSetting} must not both be set: the Worker has one port.");
            }

            return new Listeners { isLocal = isLocal, managementAddress = address, ManagementPort = management ?? settings.FreePort(portKey, defaultPort) };
        }

        if (address is not null && management is null)
        {
            settings.Refuse($"{AddressSetting} has no effect without {PortSetting}.");
        }

        var port = settings.FreePort(portKey, defaultPort);
        if (management == port)
        {
            settings.Refuse($"{PortSetting} and {portKey} must not be the same port.");
        }

        return new Listeners { isLocal = isLocal, managementAddress = address, Port = port, ManagementPort = management };
    }

    /// <summary>Whether a request came in by the management port.</summary>
    public bool IsManagement(HttpContext http) => http.Connection.LocalPort == ManagementPort;

    public void Listen(KestrelServerOptions kestrel)
    {
        if (Port is { } port)
        {
            Listen(kestrel, null, port);
        }

        if (ManagementPort is { } management)
        {
            Listen(kestrel, managementAddress, management);
        }
    }

    private void Listen(KestrelServerOptions kestrel, IPAddress? address, int port)
    {
        if (address is not null)
        {
            kestrel.Listen(address, port);
        }
        else if (isLocal)
        {
            kestrel.ListenLocalhost(port);
        }
        else
        {
            kestrel.ListenAnyIP(port);
        }
    }
}
