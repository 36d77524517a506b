using System.Net;
using System.Net.Sockets;

namespace ProductCache.Infrastructure.Hosting;

/// <summary>Maps addresses to clients.</summary>
public static class ClientAddress
{
    /// <summary>An IPv4 address, or the first 64 bits of an IPv6 address.</summary>
    public static IPAddress? Of(IPAddress? address)
    {
        if (address is null || address.AddressFamily == AddressFamily.InterNetwork)
        {
            return address;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        // A host or a household usually has a /64 network.
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    /// <summary>Whether one of the networks contains the address. An IPv4-mapped IPv6 address counts as the IPv4 address.</summary>
    public static bool IsIn(this IPAddress address, IReadOnlyList<IPNetwork> networks)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in networks)
        {
            if (network.Contains(plain))
            {
                return true;
            }
        }

        return false;
    }
}
