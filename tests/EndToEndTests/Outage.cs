using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>A server that is away until the end of a block.</summary>
internal sealed class Outage : IAsyncDisposable
{
    private readonly TestServer server;

    private Outage(TestServer server) => this.server = server;

    public static async Task<Outage> OfAsync(TestServer server)
    {
        server.RequireStoppable();

        // A broker is killed: to end in order takes it ten seconds, in which the services hear a goodbye that an outage does not have.
        await (server is KafkaServer kafka ? kafka.KillAsync() : server.StopAsync());
        return new Outage(server);
    }

    public async ValueTask DisposeAsync() => await server.StartAsync();
}
