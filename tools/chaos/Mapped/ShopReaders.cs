using System.Net.Http.Headers;

namespace ProductCache.Chaos.Mapped;

/// <summary>Clients that read products of the shop.</summary>
internal sealed class ShopReaders(IReadOnlyList<Service> apis, ShopTables tables, Catalogue catalogue, RunClock clock, int seed)
{
    private const int WaitOneIn = 5;
    private const int ConditionalOneIn = 10;
    private const int FreshOneIn = 10;
    private const int AtLeastOneIn = 10;

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    private readonly Clients<ShopRead> clients = new(apis, catalogue, clock, seed);

    /// <inheritdoc cref="Clients{TRead}.Reads"/>
    public IEnumerable<ShopRead> Reads => clients.Reads;

    public Task RunAsync(CancellationToken cancellationToken) => clients.RunAsync(
        http =>
        {
            var client = new ShopClient(http, tables);
            return async (id, random) =>
            {
                var read = await client.ReadAsync(id, new Demand(
                    random.Next(WaitOneIn) == 0 ? Wait : TimeSpan.Zero,
                    Conditional: random.Next(ConditionalOneIn) == 0,
                    Fresh: random.Next(FreshOneIn) == 0,
                    AtLeast: random.Next(AtLeastOneIn) == 0));
                return (read, read.Answer.Failure);
            };
        },
        cancellationToken);

    /// <inheritdoc cref="Clients{TRead}.ReadAllAsync"/>
    public Task<IReadOnlyList<ShopRead>> ReadAllAsync(CancellationToken cancellationToken) => clients.ReadAllAsync(
        http =>
        {
            var client = new ShopClient(http, tables);
            return id => client.ReadAsync(id, new Demand());
        },
        cancellationToken);
}

/// <param name="Wait">The wait of the Prefer header; 0: no header.</param>
/// <param name="Conditional">With the entity tag of the last answer in If-None-Match.</param>
/// <param name="Fresh">With Cache-Control: no-cache.</param>
/// <param name="AtLeast">With the version of the last answer in Product-Version-At-Least.</param>
internal readonly record struct Demand(TimeSpan Wait = default, bool Conditional = false, bool Fresh = false, bool AtLeast = false);

/// <summary>A client that remembers the last document of each product.</summary>
internal sealed class ShopClient(ReadClient http, ShopTables tables)
{
    private readonly Dictionary<long, (string Tag, Document? Document)> known = [];

    public async Task<ShopRead> ReadAsync(long id, Demand demand)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, id % 2 == 0 ? $"/productapp/{tables.IdOf(id)}/" : $"/api/v1/products/{tables.IdOf(id)}");
        if (known.TryGetValue(id, out var last))
        {
            if (demand.Conditional)
            {
                request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue(last.Tag));
            }

            if (demand.AtLeast && VersionOf(last.Tag) is not "0" and var version)
            {
                request.Headers.Add("Product-Version-At-Least", version);
            }
        }

        var asked = DateTime.UtcNow;
        var answer = await http.SendAsync(request, id, demand.Wait, demand.Fresh);
        var answered = DateTime.UtcNow;
        Document? document = null;
        if (answer.Read is { Failure: ReadFailure.None, Status: 200 })
        {
            document = Documents.Read(answer.Body);
            known[id] = (answer.Tag, document);
        }
        else if (answer.Read is { Failure: ReadFailure.None, Status: 304 } && answer.Tag == last.Tag)
        {
            document = last.Document;
        }

        return new ShopRead(answer.Read, asked, answered, document);
    }

    private static string VersionOf(string tag) => tag.Trim('"').Split('-')[0];
}
