namespace ProductCache.Chaos.Mapped;

/// <summary>The staleness of a read: the time between the commit of something newer and the start of the read; 0 if there was nothing newer.</summary>
internal static class ShopStaleness
{
    /// <summary>Of the rows of the product itself.</summary>
    public static TimeSpan OfRows(ShopRead read, ShopTimelines timelines)
    {
        var versions = timelines.Of(read.Answer.Id);
        var seen = read.Answer.IsFound
            ? timelines.Of(read.Answer.Id, read.Answer.Version)
            : versions.LastOrDefault(version => !version.Rows.IsPresent && version.Commit.Start <= read.Answer.End);
        if (seen is null)
        {
            return TimeSpan.Zero;
        }

        for (var i = seen.Index + 1; i < versions.Count; i++)
        {
            if (versions[i].Commit.Writer != 0)
            {
                return Since(versions[i].Commit, read);
            }
        }

        return TimeSpan.Zero;
    }

    /// <summary>Of the categories, through which a change reaches many products.</summary>
    public static TimeSpan OfCategories(ShopRead read, ShopTimelines timelines) => read.Document is null ? TimeSpan.Zero : read.Document.Categories
        .Where(shown => shown.Write != 0)
        .Select(shown => timelines.OfCategory(shown.Id).FirstOrDefault(state => state.Write == shown.Write) is { } state && timelines.NextOf(state) is { } next
            ? Since(next.Commit, read)
            : TimeSpan.Zero)
        .DefaultIfEmpty(TimeSpan.Zero)
        .Max();

    /// <summary>Of the price: the time since the end of the price that was served.</summary>
    public static TimeSpan OfPrice(ShopRead read, ShopTimelines timelines) =>
        read.Document is { } document && timelines.Of(read.Answer.Id, read.Answer.Version)?.Rows.ValidityOf(document.Price) is { } validity && read.Asked > validity.End
            ? read.Asked - validity.End
            : TimeSpan.Zero;

    private static TimeSpan Since(CommitTime commit, ShopRead read) => commit.End < read.Answer.Start ? read.Answer.Start - commit.End : TimeSpan.Zero;
}
