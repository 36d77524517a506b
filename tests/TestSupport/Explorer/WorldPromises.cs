using System.Numerics;
using ProductCache.Application;

namespace ProductCache.TestSupport.Explorer;

/// <summary>What must hold in every state, and what tells states apart.</summary>
internal sealed partial class World
{
    private const int MaxKeyLength = 128;

    private InMemoryCache.StoredEntry? checkedEntry;

    /// <summary>Nothing is on its way, and no handler runs but readers that wait, so nothing happens unless a reader comes or looks again.</summary>
    public bool IsQuiet => drawn is null && expansions == 0 && topic.Length == 0 && requests.Length == 0 && running.All(one => one.State.Waits)
        && copies.Length == 0 && inbox.Length == 0 && !gap && near is not { Reads: > 0 };

    /// <summary>
    /// Two states with the same key behave alike, so only one of them is explored. Workers are interchangeable, and no rule
    /// relies on the order of records in Kafka: both are sorted. Tokens and times of filling are compared for equality only,
    /// so each has the smallest number that is not in use; a token in Redis that no handler remembers is one that no call can
    /// match. A hash of 128 bits stands for the key: among 10^8 states two share one by chance with a probability below 10^-22.
    /// </summary>
    public UInt128 Key()
    {
        Span<int> key = stackalloc int[MaxKeyLength];
        var length = 0;
        Write(key, ref length, history.Length);
        foreach (var version in history)
        {
            Write(key, ref length, (int)version);
        }

        Write(key, ref length, (readsLeft << 20) | (earlyReadsLeft << 16) | (freshReadsLeft << 12) | (changesLeft << 8) | (faultsLeft << 4) | (purged ? 1 : 0));
        Write(key, ref length, seen);
        Write(key, ref length, (int)(drawn ?? 0));
        Write(key, ref length, (int)lastVersion);
        Write(key, ref length, expansions);
        WriteSorted(key, ref length, requests, message => Programs.Fill(message).Id);
        WriteCache(key, ref length);
        WriteSorted(key, ref length, topic, message => (2 * (int)message.Change.Rank) + (message.IsFresh ? 1 : 0));
        WriteSorted(key, ref length, running, handler => (handler.State.Id << 5) | handler.Since);
        WriteSorted(key, ref length, copies, copy => (copy.Of.Id << 5) | (copy.Claim is { } claim ? NumberOf(claim) : 31));
        if (near is not null)
        {
            Write(key, ref length, near.Id);
            Write(key, ref length, (nearArrivalsLeft << 8) + (2 * nearSeen) + (gap ? 1 : 0));
            foreach (var since in readsSince)
            {
                Write(key, ref length, since);
            }

            foreach (var message in inbox)
            {
                Write(key, ref length, -2 - (2 * (int)message.Kind) - (message.Follows ? 1 : 0));
            }
        }

        return Hash(key[..length]);
    }

    /// <summary>
    /// In a quiet state every lease ends within five seconds. A reader that comes after that, or looks again, must be served with the row
    /// that the table has.
    /// </summary>
    /// <param name="behind">The Worker takes the request after the lease of the reader has ended.</param>
    public void CheckNothingStarves(bool behind)
    {
        var later = With(world => world.Cache = Cache with { Lease = null });
        if (running.Length > 0)
        {
            later.Serve(behind);
            if (later.running.Length > 0)
            {
                Violation ??= "A no-cache reader waits when nothing is on its way, and a Worker that took its request left it waiting.";
            }

            return;
        }

        later.Serve(Role.Reader, Programs.Reader(), behind);
        if (later.Cache.Entry is null)
        {
            Violation ??= "Nothing is on its way, and a Worker that took the request of a reader filled no entry.";
        }
        else if (later.Violation is { } violation)
        {
            Violation ??= $"A reader comes when nothing is on its way. {violation}";
        }

        if (Scenario.EarlyReads > 0 && (IsMapped ? !IsAbsentRow(Row) : Row > 0))
        {
            var before = Stamp(later);
            var renewed = later.With(world => world.Serve(Role.EarlyReader, Programs.EarlyReader(), behind));
            if (Stamp(renewed) == before)
            {
                Violation ??= "A reader asked for the early refresh of an entry, and a Worker that took the request left the entry as it was.";
            }
        }

        if (Scenario.FreshReads > 0)
        {
            var renewed = later.With(world => world.Serve(Role.FreshReader, Programs.FreshReader(), behind));
            if (renewed.running.Length > 0)
            {
                Violation ??= "A reader sent no-cache, and a Worker that took its request left it waiting.";
            }
        }

        static int Stamp(World world) => CachedProduct.TryRead(world.Cache.Entry?.Payload, out var entry) ? StampOf(entry) : -1;
    }

    private void WriteCache(Span<int> key, ref int length)
    {
        if (Cache.Entry is { } entry && CachedProduct.TryRead(entry.Payload, out var product))
        {
            Write(key, ref length, (int)(IsMapped ? MappedRowOf(product) : product.Version));
            Write(key, ref length, (StampOf(product) << 8) | CommitsAt(product));
            Write(key, ref length, product.IsUnreadable ? (int)FaultyRowOf(product) : (int)entry.Rank);
        }
        else
        {
            Write(key, ref length, -1);
        }

        if (Cache.Lease is { } lease)
        {
            var number = Array.IndexOf(tokens, lease.Token);
            var known = number >= 0 && (TokensInUse() & (1u << number)) != 0;
            Write(key, ref length, known ? number : 99);
            Write(key, ref length, (2 * (int)lease.Floor) + (lease.IsClaim ? 1 : 0));
        }
        else
        {
            Write(key, ref length, -1);
        }

        // A history that no handler remembers is one that no marker names.
        Write(key, ref length, (HistoriesInUse() & (1u << HistoryNumber)) != 0 ? HistoryNumber : 99);
    }

    private static void WriteSorted<T>(Span<int> key, ref int length, T[] all, Func<T, int> number)
    {
        Write(key, ref length, all.Length);
        var start = length;
        foreach (var one in all)
        {
            Write(key, ref length, number(one));
        }

        key[start..length].Sort();
    }

    private static void Write(Span<int> key, ref int length, int number) => key[length++] = number;

    // Two chains of 64 bits, each of which folds the 128 bits of a product.
    private static UInt128 Hash(ReadOnlySpan<int> key)
    {
        ulong first = 0xA0761D6478BD642F, second = 0xE7037ED1A0B428DB;
        foreach (var number in key)
        {
            first = Fold(first ^ (uint)number, 0x8EBC6AF09C88C6E3);
            second = Fold(BitOperations.RotateLeft(second, 23) ^ (uint)number, 0x589965CC75374CC3);
        }

        return new UInt128(Fold(first, 0x1D8E4E27C47D124F), Fold(second, 0xEB44ACCAB455D165));

        static ulong Fold(ulong left, ulong right) => Math.BigMul(left, right, out var low) ^ low;
    }

    private void CheckAlways()
    {
        CheckNearCache();
        if (!CachedProduct.TryRead(Cache.Entry?.Payload, out var entry))
        {
            return;
        }

        if (!ReferenceEquals(Cache.Entry, checkedEntry) && !entry.IsAbsent && !WasCommitted(entry))
        {
            Violation ??= $"Redis has {Describe(entry)}, which was never committed like this.";
            return;
        }

        checkedEntry = Cache.Entry;
        var commit = CommitOf(entry);
        if (IsOlder(entry, seen))
        {
            Violation ??= $"Redis went back: it has {Describe(entry)}, and readers have seen what commit {seen} made.";
        }

        seen = Math.Max(seen, commit);
        if (!ChangesArePending && !IsCurrent(entry))
        {
            Violation ??= $"All changes were processed, and Redis has {Describe(entry)}, but the table has {DescribeRow()}.";
        }
    }

    private void CheckResult(Running handler, object? result)
    {
        if (result is Exception and not UnavailableException and not UnreadableProductException)
        {
            throw new InvalidOperationException($"{NameOf(handler)} failed.", (Exception)result);
        }

        if (handler.Role == Role.FreshReader && result is CachedProduct entry && IsOlder(entry, handler.Since))
        {
            Violation ??= $"The no-cache reader came after commit {handler.Since}, and was given {Describe(entry)}.";
        }
    }

    /// <summary>
    /// Whether an entry shows what was there before a commit that a reader has seen. One exception: the commit was of a row that
    /// had drawn its version before the one of the entry, and came late. By their versions, which are what readers see, the
    /// entry is the newer one; it is gone once its deletion has passed.
    /// </summary>
    private bool IsOlder(CachedProduct entry, int commit) =>
        CommitOf(entry) < commit && (IsMapped || !(history[commit] is > 0 and var version && entry.Version > version));

    private string DescribeRow() => IsMapped ? DescribeMapped(Row) : Row switch
    {
        > 0 => $"version {Row}",
        0 => "no row",
        _ => $"version {-Row}, which is no valid product",
    };

    private bool WasCommitted(CachedProduct entry) => IsMapped ? Array.IndexOf(history, MappedRowOf(entry)) >= 0 : entry.IsUnreadable
        ? FaultyRowOf(entry) < 0
        : Array.IndexOf(history, entry.Version) >= 0 && entry.Body.Span.SequenceEqual(exploration.Programs.BodyOf(entry.Version).Span);

    private bool IsCurrent(CachedProduct entry) => IsMapped ? Row % BodiesOfAVersion == MappedRowOf(entry) % BodiesOfAVersion : Row == (entry.IsUnreadable ? FaultyRowOf(entry) : entry.Version);

    // The row as it stands in the history of commits; 0: it is not there.
    private long FaultyRowOf(CachedProduct entry) => Array.Find(history, row => row < 0 && FaultOf(row) == entry.Reason);

    /// <summary>The commit whose result an entry shows.</summary>
    private int CommitOf(CachedProduct entry) => IsMapped ? MappedCommitOf(entry) : entry.Version == 0 ? CommitsAt(entry) : Array.IndexOf(history, entry.Version);

    // The reader comes, a Worker takes its request, and nothing else happens.
    private void Serve(Role role, HandlerState reader, bool behind)
    {
        Begin(new Running(role, reader, null, role == Role.FreshReader ? Commits : 0));
        Serve(behind);
    }

    private void Serve(bool behind)
    {
        var looks = 0;
        while (true)
        {
            if (running.FirstOrDefault(one => !one.State.Waits) is { } handler)
            {
                Continue(handler, handler.State.Call!.Execute(this));
            }
            else if (requests is [var message, .. var rest])
            {
                requests = rest;
                if (behind)
                {
                    Cache = Cache with { Lease = null };
                }

                Begin(new Running(Role.FillJob, Programs.Fill(message), message, 0));
            }
            else if (running.Length > 0 && looks++ < 2)
            {
                Replace(running[0], running[0].State.AfterTime());
            }
            else
            {
                break;
            }
        }

        CheckAlways();
    }
}
