using ProductCache.Infrastructure.Redis;
using ProductCache.TestSupport.Model;
using ProductCache.TestSupport.Servers;
using StackExchange.Redis;

namespace ProductCache.IntegrationTests.Redis;

/// <summary>The generated interleavings on the real scripts; they find out wrong ones.</summary>
public sealed class RedisModelTests : GuardedCacheModel
{
    private ConnectionMultiplexer connection = null!;

    protected override int Runs => 4_000;

    [OneTimeSetUp]
    public async Task ConnectAsync()
    {
        var redis = await SharedServers.Redis;
        connection = await ConnectionMultiplexer.ConnectAsync($"{redis.Host}:{redis.Port}");
    }

    [OneTimeTearDown]
    public async Task DisconnectAsync() => await connection.DisposeAsync();

    [TestCaseSource(nameof(Cases))]
    public Task AWrongScriptIsFound(string name, int firstRun) => AssertFoundAsync(new ModelledRedis(connection, WrongScripts.ByName[name]), firstRun);

    public static IEnumerable<TestCaseData> Cases()
    {
        yield return new(nameof(WrongScripts.FillWithoutToken), 1);
        yield return new(nameof(WrongScripts.FillWithoutFloor), 1);
        yield return new(nameof(WrongScripts.AbsenceIsStoredUnderAFloor), 1);
        yield return new(nameof(WrongScripts.ClaimReusesItsToken), 8_900);
        yield return new(nameof(WrongScripts.ClaimDoesNotRenew), 1);
        yield return new(nameof(WrongScripts.ChangeWithoutFloor), 1);
        yield return new(nameof(WrongScripts.NegativeEntrySurvivesAnUpsert), 1);
        yield return new(nameof(WrongScripts.RefreshWithoutFloor), 2_000);
        yield return new(nameof(WrongScripts.RefreshCreatesEntries), 1_600);
        yield return new(nameof(WrongScripts.RefreshReplacesWhateverIsThere), 39_200);
    }

    protected override IModelledCache CreateCache() => new ModelledRedis(connection, RedisScripts.Default);
}
