using ProductCache.Infrastructure.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The scripts without one rule each.</summary>
internal static class WrongScripts
{
    private static readonly RedisScripts Right = RedisScripts.Default;

    public static readonly RedisScripts FillWithoutToken = Right with
    {
        Fill = Without(Right.Fill, "if lease[1] ~= ARGV[1] then\n  return 'refused'\nend\n", "lease[2] = lease[2] or 0\n"),
    };

    public static readonly RedisScripts FillWithoutFloor = Right with
    {
        Fill = Without(Right.Fill, "tonumber(ARGV[2]) < tonumber(lease[2])", "false"),
    };

    public static readonly RedisScripts AbsenceIsStoredUnderAFloor = Right with
    {
        Fill = Without(Right.Fill, "tonumber(ARGV[2]) < tonumber(lease[2])", "tonumber(ARGV[2]) > 0 and tonumber(ARGV[2]) < tonumber(lease[2])"),
    };

    public static readonly RedisScripts ClaimReusesItsToken = Right with
    {
        Claim = Without(Right.Claim, "ARGV[1] .. '-' .. now[1] .. '-' .. now[2]", "ARGV[1]"),
    };

    public static readonly RedisScripts ClaimKeepsTheFloor = Right with
    {
        Claim = Without(Right.Claim, ", 'floor', 0)", ")\nredis.call('HSETNX', KEYS[2], 'floor', 0)"),
    };

    public static readonly RedisScripts ClaimDoesNotRenew = Right with
    {
        Claim = Without(Right.Claim, " and not is_to_be_renewed()"),
    };

    public static readonly RedisScripts ChangeWithoutFloor = Right with
    {
        Change = Without(Right.Change, "redis.call('HSET', KEYS[2], 'floor', ARGV[1])"),
    };

    public static readonly RedisScripts NegativeEntrySurvivesAnUpsert = Right with
    {
        Change = Without(Right.Change, "  redis.call('DEL', KEYS[1])\n  return -1\nend\nif deletion", "  return -2\nend\nif deletion"),
    };

    public static readonly RedisScripts RefreshWithoutFloor = Right with
    {
        Refresh = Without(Right.Refresh, "redis.call('HSET', KEYS[2], 'floor', ARGV[2])"),
    };

    public static readonly RedisScripts RefreshCreatesEntries = Right with
    {
        // With all its fields and an expiry: what is not as we write it is removed by the next step.
        Refresh = Without(
            Without(Right.Refresh, "local current = ", "if not entry[1] then entry = { ARGV[1], ARGV[3] } end\nlocal current = "),
            "return 'replaced'",
            "redis.call('HSET', KEYS[1], 'absexp', '3155378975999999999', 'sldexp', '-1')\nredis.call('PEXPIRE', KEYS[1], 600000)\nreturn 'replaced'"),
    };

    public static readonly RedisScripts RefreshReplacesWhateverIsThere = Right with
    {
        Refresh = Without(Right.Refresh, "current ~= tonumber(ARGV[1]) or "),
    };

    /// <summary>Those that generated interleavings find out.</summary>
    public static readonly IReadOnlyDictionary<string, RedisScripts> ByName = new Dictionary<string, RedisScripts>
    {
        [nameof(FillWithoutToken)] = FillWithoutToken,
        [nameof(FillWithoutFloor)] = FillWithoutFloor,
        [nameof(AbsenceIsStoredUnderAFloor)] = AbsenceIsStoredUnderAFloor,
        [nameof(ClaimReusesItsToken)] = ClaimReusesItsToken,
        [nameof(ClaimDoesNotRenew)] = ClaimDoesNotRenew,
        [nameof(ChangeWithoutFloor)] = ChangeWithoutFloor,
        [nameof(NegativeEntrySurvivesAnUpsert)] = NegativeEntrySurvivesAnUpsert,
        [nameof(RefreshWithoutFloor)] = RefreshWithoutFloor,
        [nameof(RefreshCreatesEntries)] = RefreshCreatesEntries,
        [nameof(RefreshReplacesWhateverIsThere)] = RefreshReplacesWhateverIsThere,
    };

    public static string Without(string script, string rule, string instead = "")
    {
        Assert.That(script, Does.Contain(rule), "The wrong script must differ from the right one.");
        return script.Replace(rule, instead, StringComparison.Ordinal);
    }
}
