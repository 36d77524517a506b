using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProductCache.Infrastructure.Hosting;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Infrastructure;

public sealed class ConnectionLimitsTests
{
    [Test]
    public async Task ConnectionsMayBeIdleForAShorterTimeWhenManyAreOpen()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.LimitConnections(new ConnectionLimitOptions(Max: 4, PerAddress: 0, Exempt: []));
        await using var application = builder.Build();
        await application.StartAsync();
        var limits = application.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        var port = new Uri(application.Urls.Single()).Port;
        Assert.That(limits.KeepAliveTimeout, Is.EqualTo(ConnectionLimits.KeepAlive));

        List<TcpClient> clients = [];
        for (var n = 0; n < 3; n++)
        {
            var client = new TcpClient();
            clients.Add(client);
            await client.ConnectAsync(IPAddress.Loopback, port);
        }

        await Eventually.TrueAsync(() => limits.KeepAliveTimeout == ConnectionLimits.ShortKeepAlive);
        clients.ForEach(client => client.Dispose());
        await Eventually.TrueAsync(async () =>
        {
            using var fresh = new TcpClient();
            await fresh.ConnectAsync(IPAddress.Loopback, port);
            return limits.KeepAliveTimeout == ConnectionLimits.KeepAlive;
        });
    }
}
