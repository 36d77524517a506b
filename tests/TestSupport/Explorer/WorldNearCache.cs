using ProductCache.Application;
using ProductCache.Infrastructure.Redis;

namespace ProductCache.TestSupport.Explorer;

/// <summary>An API process with a near cache, if the scenario has one.</summary>
internal sealed partial class World
{
    private NearCacheState? near;
    private HeardMessage[] inbox = [];

    // Of the reads on their way: what readers of this process had seen when each began.
    private int[] readsSince = [];
    private int nearSeen;
    private int nearArrivalsLeft;

    // A message was lost, or Redis lost its counter, and no later message has said so yet.
    private bool gap;

    public void Notify(bool changed)
    {
        if (near is not null)
        {
            Send(changed ? NotificationKind.Changed : NotificationKind.Filled);
        }
    }

    private void Send(NotificationKind kind)
    {
        inbox = [.. inbox, new HeardMessage(kind, Follows: !gap)];
        gap = false;
    }

    private IEnumerable<(World Next, Func<string> What)> NearCacheSteps()
    {
        if (near is null)
        {
            yield break;
        }

        if (near.Copy is null && near.Reads < Scenario.NearReads && nearArrivalsLeft > 0)
        {
            // The read registers and Redis answers, in one step: a message between the two voids the read, and no more.
            yield return Checked(
                With(world =>
                {
                    world.nearArrivalsLeft = OneLess(nearArrivalsLeft);
                    world.near = near.Begin(Cache.Entry?.Payload);
                    world.readsSince = [.. readsSince, nearSeen];
                }),
                () => $"A reader of the near cache asks Redis, and {Describe(Cache.Entry?.Payload)} is on its way");
        }

        for (var read = 0; read < near.Reads; read++)
        {
            var ended = read;
            yield return Checked(
                With(world => world.EndRead(ended)), () => $"The answer to the reader that began {(ended == 0 ? "first" : "second")} arrives");
        }

        if (inbox is [var message, .. var later])
        {
            yield return Checked(
                With(world =>
                {
                    world.inbox = later;
                    world.near = near.Hear(message).Shortest();
                }),
                () => $"The near cache hears '{message.Kind}'{(message.Follows ? string.Empty : ", and that it missed a message")}");
            if (May(Fault.LostNotification))
            {
                yield return Fault1(
                    world =>
                    {
                        world.inbox = later is [var second, .. var rest] ? [second with { Follows = false }, .. rest] : [];
                        world.gap = later.Length == 0 || gap;
                    },
                    $"The near cache does not get '{message.Kind}'");
            }
        }
        else if (gap)
        {
            yield return Checked(With(world => world.Send(NotificationKind.Heartbeat)), () => "A heartbeat is published");
        }
    }

    private void EndRead(int read)
    {
        var ended = near!.End(read);
        if (CachedProduct.TryRead(ended.Result, out var entry))
        {
            CheckNotOlder(entry, readsSince[read]);
        }

        near = ended.Shortest();
        readsSince = [.. readsSince[..read], .. readsSince[(read + 1)..]];
        if (near.Copy is { } copy)
        {
            CheckNotOlder(copy, nearSeen);
        }
    }

    // Of two reads at one time either may end first; one that begins after another has ended must not see less.
    private void CheckNotOlder(CachedProduct entry, int since)
    {
        if (IsOlder(entry, since))
        {
            Violation ??= $"A reader of the near cache was given {Describe(entry)}, and readers before it have seen what commit {since} made.";
        }

        nearSeen = Math.Max(nearSeen, CommitOf(entry));
    }

    private void CheckNearCache()
    {
        if (near is { Reads: 0, Copy: { } copy } && !ChangesArePending && inbox.Length == 0 && !gap && !IsCurrent(copy))
        {
            Violation ??= $"All changes were processed and all messages heard, and the near cache has {Describe(copy)}, but the table has {DescribeRow()}.";
        }
    }
}
