using StackExchange.Redis;

namespace ProductCache.Chaos;

/// <summary>Injects the scheduled faults one after the other, and heals each.</summary>
internal sealed class Faults(TestBed testBed, RunClock clock, Action<Fault> tell)
{
    /// <summary>The pause between the effects of a fault and the next fault, even after a slow recovery.</summary>
    private static readonly TimeSpan MinCalm = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(100);

    private readonly List<Fault> faults = [];
    private readonly List<Death> deaths = [];

    public IReadOnlyList<Fault> Happened => faults;

    public IReadOnlyList<Death> Deaths => deaths;

    public async Task RunAsync(Schedule schedule, CancellationToken cancellationToken)
    {
        var free = TimeSpan.Zero;
        foreach (var plan in schedule.Faults)
        {
            var due = plan.At > free ? plan.At : free;
            if (due + plan.Hold > schedule.Length)
            {
                return;
            }

            await clock.UntilAsync(due, cancellationToken);
            var start = clock.Now;
            await HappenAsync(plan, cancellationToken);
            var fault = new Fault(plan, start, clock.Now);
            faults.Add(fault);
            tell(fault);
            free = fault.Aftermath + MinCalm;
        }
    }

    /// <summary>Records processes of the service that ended unexpectedly, and restarts them.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            foreach (var service in testBed.Services.Where(service => service.HasDied))
            {
                deaths.Add(new Death(clock.Now, service.Target));
                await service.StopAsync();
                await service.StartAsync();
            }

            await Task.Delay(WatchInterval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task HappenAsync(PlannedFault plan, CancellationToken cancellationToken)
    {
        var target = testBed.FaultTargetOf(plan.Target);
        switch (plan.Kind)
        {
            case FaultKind.Kill or FaultKind.Outage:
                await target.KillAsync();
                await Task.Delay(plan.Hold, cancellationToken);
                await target.StartAsync();
                break;
            case FaultKind.Restart:
                await target.StopAsync();
                await Task.Delay(plan.Hold, cancellationToken);
                await target.StartAsync();
                break;
            case FaultKind.Pause:
                await target.PauseAsync();
                try
                {
                    await Task.Delay(plan.Hold, cancellationToken);
                }
                finally
                {
                    await target.ResumeAsync();
                }

                break;
            case FaultKind.Flush:
                await OnRedisAsync("FLUSHALL");
                break;
            case FaultKind.DropConnections when plan.Target == Target.Redis:
                await OnRedisAsync("CLIENT", "KILL", "TYPE", "normal");
                break;
            case FaultKind.DropSubscriptions:
                await OnRedisAsync("CLIENT", "KILL", "TYPE", "pubsub");
                break;
            case FaultKind.DropConnections:
                await DropPostgresConnectionsAsync(cancellationToken);
                break;
            case FaultKind.DamageKeys or FaultKind.RefuseWrites or FaultKind.Demote or FaultKind.ForbidScripts:
                await new RedisTrouble(testBed).HappenAsync(plan, cancellationToken);
                break;
            case FaultKind.RaisingTrigger or FaultKind.SuppressingTrigger or FaultKind.RowsWithoutVersion:
                await new DatabaseTrouble(testBed).HappenAsync(plan, cancellationToken);
                break;
            default:
                throw new InvalidOperationException($"Unknown fault: {plan}.");
        }
    }

    private async Task OnRedisAsync(string command, params object[] arguments)
    {
        await using var redis = await testBed.OpenRedisAsync();
        try
        {
            await redis.GetDatabase().ExecuteAsync(command, arguments);
        }
        catch (RedisException) when (command == "CLIENT")
        {
            // It may drop the one who asked for it too.
        }
    }

    private async Task DropPostgresConnectionsAsync(CancellationToken cancellationToken)
    {
        await using var postgres = testBed.OpenPostgres();
        await using var command = postgres.CreateCommand(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
