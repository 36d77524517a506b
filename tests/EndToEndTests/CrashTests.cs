using System.Net;
using ProductCache.Domain;
using ProductCache.TestSupport;

namespace ProductCache.EndToEndTests;

[Category(TestCategories.Servers)]
[Category(TestCategories.Outages)]
public sealed class CrashTests
{
    [Test]
    public async Task RequestsThatAKilledWorkerHadInFlightAreFilledByTheNextOne()
    {
        await using var deployment = await Deployment.StartAsync();
        List<ProductId> ids = [];
        for (var n = 0; n < 50; n++)
        {
            ids.Add(await deployment.InsertAsync());
        }

        // The lock holds the Worker's reads, so that its requests are in flight when it is killed.
        await using (var connection = await deployment.DataSource.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using var hold = connection.CreateCommand();
            hold.CommandText = "LOCK TABLE products IN ACCESS EXCLUSIVE MODE";
            await hold.ExecuteNonQueryAsync();
            foreach (var id in ids)
            {
                using var answer = await deployment.GetAsync(id, "respond-async");
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
            }

            await Eventually.TrueAsync(async () =>
            {
                await using var waiting = deployment.DataSource.CreateCommand(
                    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
                return (bool)(await waiting.ExecuteScalarAsync())!;
            });
            await deployment.Worker.KillAsync();
        }

        Assert.That(await deployment.IsCachedAsync(ids[0]), Is.False);
        await deployment.StartWorkerAsync();

        // Nobody asks again: what fills them is what Kafka delivers again.
        foreach (var id in ids)
        {
            await Eventually.TrueAsync(() => deployment.IsCachedAsync(id), $"{id} filled");
        }
    }
}
