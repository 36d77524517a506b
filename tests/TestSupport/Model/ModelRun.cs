using System.Globalization;
using System.Text;
using ProductCache.Application;
using ProductCache.Domain;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.TestSupport.Model;

/// <summary>A promise was broken. The message lists the steps.</summary>
internal sealed class ModelViolation(string message) : Exception(message);

/// <summary>
/// One run: a table, its outbox, the topic of changes, two Workers with the real use cases, two API processes with real near
/// caches, and the cache under test, one atomic step after the other.
/// </summary>
internal sealed class ModelRun : IDisposable
{
    /// <summary>Longer than any run: entries expire only when the run says so.</summary>
    public static readonly CacheLifetimes Lifetimes = new() { Absent = TimeSpan.FromMinutes(10), JitterPercent = 0 };

    private const int Workers = 2;
    private const int Apis = 2;

    private readonly ModelCase plan;
    private readonly ProductId[] products;
    private readonly ModelApi[] apis;
    private readonly List<ModelJob> jobs = [];
    private readonly List<Change> topic = [];
    private readonly List<Change> acknowledged = [];
    private readonly List<(string What, Func<Task> SendAsync)> claims = [];
    private readonly List<(string What, Func<Task> SendAsync)> sent = [];
    private readonly List<string> trace = [];
    private readonly Dictionary<ProductId, long> seen = [];
    private readonly List<FillRequest> renewals = [];
    private readonly Dictionary<ProductId, (RevalidationMarker Marker, long Commits)> demands = [];
    private long epoch = 1;
    private long number;

    private ModelRun(ModelCase plan, IModelledCache cache, PlantedBug bug)
    {
        (this.plan, Cache, PlantedBug) = (plan, cache, bug);
        products = [.. Enumerable.Range(0, plan.Products).Select(_ => TestProducts.NewId())];
        Table = new ModelTable(products);
        apis = [.. Enumerable.Range(0, Apis).Select(index => new ModelApi(this, index))];
    }

    public PlantedBug PlantedBug { get; }

    public ModelTable Table { get; }

    public IModelledCache Cache { get; }

    public IGuardedCache Guarded => Cache.Guarded;

    /// <exception cref="ModelViolation">A promise was broken.</exception>
    public static async Task ExecuteAsync(ModelCase plan, IModelledCache cache, PlantedBug bug)
    {
        using var run = new ModelRun(plan, cache, bug);
        try
        {
            await run.StartAsync();
            foreach (var step in plan.Steps)
            {
                await run.TakeAsync(step);
            }

            await run.DrainAsync();
            await run.CheckEndAsync();
        }
        finally
        {
            await cache.LoseAsync(run.products);
        }
    }

    public static string Describe(CachedProduct entry) =>
        entry.IsAbsent ? $"absence (as of commit {entry.FilledAt.ToUnixTimeMilliseconds()})" : $"version {entry.Version}";

    public string NameOf(ProductId id) => $"product {Array.IndexOf(products, id) + 1}";

    public string NamesOf(IEnumerable<ProductId> ids) => string.Join(", ", ids.Select(NameOf));

    public string NameOf(Change change) => $"{(change.Deleted ? "deletion" : "upsert")} {change.Version} of {NameOf(change.Id)}";

    /// <summary>A claim that may be executed again later.</summary>
    public void Claimed(string what, Func<Task> sendAsync) => claims.Add((what, sendAsync));

    /// <summary>Any other command that may be executed again later.</summary>
    public void Sent(string what, Func<Task> sendAsync) => sent.Add((what, sendAsync));

    public void Publish(bool changed, IReadOnlyCollection<ProductId> ids) =>
        Publish(changed ? NotificationKind.Changed : NotificationKind.Filled, ids);

    public void Violated(string promise)
    {
        var text = new StringBuilder();
        for (var i = 0; i < trace.Count; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{i + 1,3}. {trace[i]}");
        }

        throw new ModelViolation($"{text}  => {promise}");
    }

    /// <summary>A request that a Worker does nothing for: there must be an entry, and not one that the request renews.</summary>
    public async Task CheckNothingWasToDoAsync(ClaimRequest request)
    {
        if (!CachedProduct.TryRead(await Cache.ReadAsync(request.Id), out var entry) || request.Renews.Contains(EntryTimes.Of(entry)))
        {
            Violated($"A Worker has nothing to do for a request of {NameOf(request.Id)}, so its reader waits in vain.");
        }
    }

    public void Dispose() => Array.ForEach(apis, api => api.Dispose());

    // One reader at a time of each product: its first step makes the marker, later ones look for what came after it.
    private async Task DemandFreshAsync(ProductId id)
    {
        var waiting = demands.TryGetValue(id, out var demand);
        var renewal = await Guarded.RevalidateAsync(id, waiting ? demand.Marker : null, default);
        trace.Add($"A reader {(waiting ? "waits for" : "demands")} a newer {NameOf(id)}: {renewal.Outcome}");
        Requested(id, renewal.Lease, renewal.Entry);
        if (!waiting && renewal.Outcome == RevalidationOutcome.Asked)
        {
            demands[id] = (new RevalidationMarker(renewal.Entry, renewal.History), Table.LastCommitOf(id));
        }
        else if (renewal is { Outcome: RevalidationOutcome.Renewed, Entry: { } entry })
        {
            demands.Remove(id);
            if (Table.IsOlder(id, entry, demand.Commits))
            {
                Violated($"The reader is given {Describe(entry)}, which is older than the table was when it came.");
            }
        }
    }

    // The owner of a lease publishes a request.
    private void Requested(ProductId id, Lease? lease, CachedProduct? renews)
    {
        if (lease is not null && renews is not null)
        {
            renewals.Add(new FillRequest(id, EntryTimes.Of(renews)));
        }
    }

    private IEnumerable<FillRequest> RequestsOf(ProductId id) => renewals.Where(request => request.Id == id).Prepend(new FillRequest(id));

    private void Publish(NotificationKind kind, IReadOnlyCollection<ProductId> ids)
    {
        var message = new CacheNotification(epoch.ToString(CultureInfo.InvariantCulture), ++number, kind, [.. ids]);
        Array.ForEach(apis, api => api.Receive(message));
    }

    private async Task StartAsync()
    {
        // Near caches keep nothing before they have heard a message.
        Publish(NotificationKind.Heartbeat, []);
        Array.ForEach(apis, api => api.Hear());
        if (plan.Start != Start.Absent)
        {
            trace.Add($"There is {string.Join(", ", products.Select(id => $"version {Table.Upsert(id)} of {NameOf(id)}"))} in the table{(plan.Start == Start.CachedRow ? ", and cached" : string.Empty)}");
            acknowledged.AddRange(Table.Outbox);
            Table.Outbox.Clear();
        }

        if (plan.Start == Start.CachedRow)
        {
            var claims = await Guarded.ClaimAsync(products, default);
            await Guarded.FillAsync([.. claims.Select(claim => new Fill(claim!.Value, TestProducts.Entry(claim.Value.Id, Table.VersionOf(claim.Value.Id)!.Value)))], default);
            await CheckNothingGoesBackAsync();
        }
    }

    private async Task TakeAsync(Step step)
    {
        var id = products[step.Product % products.Length];
        var api = apis[step.Choice % Apis];
        switch (step.Kind)
        {
            case StepKind.Upsert:
                trace.Add($"A writer commits version {Table.Upsert(id)} of {NameOf(id)}");
                break;
            case StepKind.Delete when Table.Delete(id) is { } version:
                trace.Add($"A writer deletes {NameOf(id)}, which was version {version}");
                break;
            case StepKind.DrawVersion:
                trace.Add($"An insert of {NameOf(id)} draws version {Table.Draw(id)} and does not commit yet");
                break;
            case StepKind.CommitDrawn when Table.Drawn.Count > 0:
                CommitDrawn(step.Choice % Table.Drawn.Count);
                break;
            case StepKind.Relay or StepKind.RelayAndCrash when Table.Outbox.Count > 0:
                Relay(step.Choice % Table.Outbox.Count, crash: step.Kind == StepKind.RelayAndCrash);
                break;
            case StepKind.DeliverChange when topic.Count + Table.Outbox.Count > 0 && !IsBusy(step.Choice % Workers, changing: true):
                if (topic.Count == 0)
                {
                    Relay(step.Choice % Table.Outbox.Count, crash: false);
                }

                Deliver(step.Choice % Workers, step.Choice / Workers);
                break;
            case StepKind.DeliverChangeAgain when acknowledged.Count > 0:
                var again = acknowledged[^(1 + (step.Choice % acknowledged.Count))];
                topic.Add(again);
                trace.Add($"Kafka will deliver {NameOf(again)} again");
                break;
            case StepKind.DeliverRequest when !IsBusy(step.Choice % Workers, changing: false):
                // Requests are delivered again, however late, so a Worker may receive any request at any time, also those that
                // renew an entry whose lease has ended since.
                ProductId[] requested = step.Choice < 4 ? [id] : products;
                jobs.Add(new ModelJob(this, step.Choice % Workers, [.. requested.SelectMany(RequestsOf)]));
                trace.Add($"{jobs[^1].Name}: is asked for {NamesOf(requested)}");
                break;
            case StepKind.Continue when jobs.Count > 0:
                await ContinueAsync(jobs[step.Choice % jobs.Count]);
                break;
            case StepKind.Finish when jobs.Count > 0:
                await FinishAsync([jobs[step.Choice % jobs.Count]]);
                break;
            case StepKind.ClaimAgain when claims.Count > 0:
                await SendAgainAsync(claims[^(1 + (step.Choice % claims.Count))]);
                break;
            case StepKind.SendAgain when sent.Count > 0:
                await SendAgainAsync(sent[^(1 + (step.Choice % sent.Count))]);
                break;
            case StepKind.CrashWorker:
                Crash(step.Choice % Workers);
                break;
            case StepKind.FreezeWorker:
                Freeze(step.Choice % Workers);
                break;
            case StepKind.ReaderMisses:
                trace.Add($"A reader asks for a lease of {NameOf(id)}: {(await Guarded.TakeLeaseAsync(id, default) is null ? "no" : "taken")}");
                break;
            case StepKind.ReaderAsksEarly when CachedProduct.TryRead(await Cache.ReadAsync(id), out var entry):
                var early = await Guarded.TakeEagerLeaseAsync(id, entry, default);
                trace.Add($"A reader of {NameOf(id)} asks for its early refresh: {(early is null ? "no" : "taken")}");
                Requested(id, early, entry);
                break;
            case StepKind.ReaderDemandsFresh:
                await DemandFreshAsync(id);
                break;
            case StepKind.ExpireLease:
                await Cache.ExpireLeaseAsync(id);
                trace.Add($"The lease of {NameOf(id)}, if any, expires");
                break;
            case StepKind.ExpireEntry:
                await Cache.ExpireEntryAsync(id);
                trace.Add($"The entry of {NameOf(id)}, if any, expires");
                break;
            case StepKind.LoseRedis:
                await Cache.LoseAsync(products);
                (epoch, number) = (epoch + 1, 0);
                trace.Add("Redis starts again without data");
                break;
            case StepKind.NearRead:
                trace.Add(await api.BeginReadAsync(id));
                if (api.Reads > 0)
                {
                    trace.Add(await api.EndReadAsync(api.Reads - 1));
                }

                break;
            case StepKind.NearReadBegins:
                trace.Add(await api.BeginReadAsync(id));
                break;
            case StepKind.NearReadEnds when api.Reads > 0:
                trace.Add(await api.EndReadAsync(step.Choice / Apis % api.Reads));
                break;
            case StepKind.Hear when api.Messages > 0:
                trace.Add(api.Hear());
                break;
            case StepKind.HearAll:
                while (api.Messages > 0)
                {
                    trace.Add(api.Hear());
                }

                break;
            case StepKind.LoseMessage when api.Messages > 0:
                trace.Add(api.LoseMessage(step.Choice / Apis % api.Messages));
                break;
            case StepKind.Heartbeat:
                Publish(NotificationKind.Heartbeat, []);
                trace.Add("A heartbeat is published");
                break;
            case StepKind.Silence:
                api.LetTimePass();
                trace.Add($"{api.Name} hears nothing for two seconds");
                break;
        }
    }

    private async Task SendAgainAsync((string What, Func<Task> SendAsync) command)
    {
        await command.SendAsync();
        trace.Add($"{command.What} is executed again");
        await CheckNothingGoesBackAsync();
    }

    private void CommitDrawn(int index)
    {
        var (id, version) = Table.Drawn[index];
        trace.Add($"The insert of {NameOf(id)} that drew version {version} {(Table.TryCommitDrawn(index) ? "commits" : "is rolled back: there is a row")}");
    }

    private void Relay(int index, bool crash)
    {
        var change = Table.Outbox[index];
        topic.Add(change);
        if (!crash)
        {
            Table.Outbox.RemoveAt(index);
        }

        trace.Add($"The relay publishes {NameOf(change)}{(crash ? ", and dies before it deletes it from the outbox" : string.Empty)}");
    }

    // Two changes in one batch, where there are two.
    private void Deliver(int worker, int first)
    {
        var changes = topic.Skip(first % topic.Count).Take(2).ToList();
        topic.RemoveRange(first % topic.Count, changes.Count);
        jobs.Add(new ModelJob(this, worker, changes));
        trace.Add($"{jobs[^1].Name}: receives {string.Join(", ", changes.Select(NameOf))}");
    }

    private bool IsBusy(int worker, bool changing) => jobs.Any(job => job.Worker == worker && job.Changes.Count > 0 == changing && !job.Abandoned);

    private void Crash(int worker)
    {
        if (jobs.Any(job => job.Worker == worker))
        {
            DeliverAgain(worker);
            jobs.RemoveAll(job => job.Worker == worker);
            trace.Add($"Worker {worker + 1} crashes, and what it did not acknowledge will be delivered again");
        }
    }

    private void Freeze(int worker)
    {
        if (jobs.Any(job => job.Worker == worker && !job.Abandoned))
        {
            DeliverAgain(worker);
            trace.Add($"Worker {worker + 1} is thought to be dead, and what it did not acknowledge will be delivered again; it goes on later");
        }
    }

    private void DeliverAgain(int worker)
    {
        foreach (var job in jobs.Where(job => job.Worker == worker && !job.Abandoned))
        {
            job.Abandoned = true;
            topic.AddRange(job.Changes);
        }
    }

    private async Task ContinueAsync(ModelJob job)
    {
        trace.Add(await job.ContinueAsync());
        if (job.Finished.IsCompleted)
        {
            jobs.Remove(job);
            if (!job.Abandoned)
            {
                acknowledged.AddRange(job.Changes);
            }
        }

        await CheckNothingGoesBackAsync();
    }

    private async Task DrainAsync()
    {
        while (Table.Drawn.Count > 0)
        {
            CommitDrawn(0);
        }

        if (plan.FinishFirst)
        {
            await FinishAsync(jobs);
        }

        while (Table.Outbox.Count > 0)
        {
            Relay(0, crash: false);
        }

        while (topic.Count > 0)
        {
            Deliver(0, 0);
            await FinishAsync([jobs[^1]]);
        }

        await FinishAsync(jobs);
        foreach (var api in apis)
        {
            for (var pass = 0; pass < 2; pass++)
            {
                while (pass == (plan.EndReadsFirst ? 0 : 1) && api.Reads > 0)
                {
                    trace.Add(await api.EndReadAsync(0));
                }

                while (pass == (plan.EndReadsFirst ? 1 : 0) && api.Messages > 0)
                {
                    trace.Add(api.Hear());
                }
            }
        }

        // It tells those who missed the last message before it.
        Publish(NotificationKind.Heartbeat, []);
        foreach (var api in apis)
        {
            trace.Add(api.Hear());
        }
    }

    private async Task FinishAsync(List<ModelJob> running)
    {
        foreach (var job in running.ToList())
        {
            while (!job.Finished.IsCompleted)
            {
                await ContinueAsync(job);
            }
        }
    }

    /// <summary>As a reader who looks after every step.</summary>
    private async Task CheckNothingGoesBackAsync()
    {
        foreach (var (id, entry) in await EntriesAsync())
        {
            if (Table.IsOlder(id, entry, seen.GetValueOrDefault(id)))
            {
                Violated($"Redis went back: {NameOf(id)} is {Describe(entry)} again, and readers have seen a newer one.");
            }

            seen[id] = Math.Max(seen.GetValueOrDefault(id), Table.CommitOf(id, entry));
        }
    }

    private async Task CheckEndAsync()
    {
        foreach (var (id, entry) in await EntriesAsync())
        {
            CheckCurrent("Redis", id, entry);
        }

        foreach (var api in apis)
        {
            foreach (var id in products)
            {
                if (api.CopyOf(id) is { } copy)
                {
                    CheckCurrent(api.Name, id, copy);
                }
            }
        }
    }

    private void CheckCurrent(string where, ProductId id, CachedProduct entry)
    {
        var row = Table.VersionOf(id);
        if (entry.IsAbsent ? row is not null : row != entry.Version)
        {
            Violated($"All is delivered, and {where} has {NameOf(id)} as {Describe(entry)}, but the table has {(row is { } version ? $"version {version}" : "no row")}.");
        }
    }

    private async Task<List<(ProductId Id, CachedProduct Entry)>> EntriesAsync()
    {
        var payloads = await Task.WhenAll(products.Select(Cache.ReadAsync));
        List<(ProductId, CachedProduct)> entries = [];
        for (var i = 0; i < products.Length; i++)
        {
            if (CachedProduct.TryRead(payloads[i], out var entry))
            {
                entries.Add((products[i], entry));
            }
        }

        return entries;
    }
}
