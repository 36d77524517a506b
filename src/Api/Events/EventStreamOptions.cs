using ProductCache.Infrastructure.Hosting;

namespace ProductCache.Api.Events;

/// <summary>API_EVENT_STREAMS, API_EVENT_STREAMS_PER_CLIENT.</summary>
/// <param name="All">Streams that may be open at the same time.</param>
/// <param name="PerClient">Of them, those of one client.</param>
internal sealed record EventStreamOptions(int All, int PerClient)
{
    public static EventStreamOptions Read(Settings settings) => new(
        settings.Number("API_EVENT_STREAMS", 10_000, 0, 1_000_000),
        settings.Number("API_EVENT_STREAMS_PER_CLIENT", 1_000, 1, 1_000_000));
}
