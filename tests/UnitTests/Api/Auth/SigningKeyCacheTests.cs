using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using NSubstitute;
using ProductCache.Api.Auth;

namespace ProductCache.UnitTests.Api.Auth;

public sealed class SigningKeyCacheTests
{
    private readonly FakeTimeProvider time = new();
    private IConfigurationManager<OpenIdConnectConfiguration> documents = null!;

    [SetUp]
    public void SetUp() => documents = Substitute.For<IConfigurationManager<OpenIdConnectConfiguration>>();

    [Test]
    public void ASilentAuthorityHoldsNobodyBeyondTheDeadline()
    {
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(new TaskCompletionSource<OpenIdConnectConfiguration>().Task);

        var waiting = new SigningKeyCache(documents, time).GetConfigurationAsync(CancellationToken.None);
        Assert.That(waiting.IsCompleted, Is.False);
        time.Advance(SigningKeyCache.Timeout);

        Assert.That(() => waiting, Throws.TypeOf<AuthorityUnavailableException>());
    }

    [Test]
    public async Task AllWhoComeDuringAFetchShareIt()
    {
        var fetch = new TaskCompletionSource<OpenIdConnectConfiguration>();
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(fetch.Task);
        var authority = new SigningKeyCache(documents, time);

        var (first, second) = (authority.GetConfigurationAsync(CancellationToken.None), authority.GetConfigurationAsync(CancellationToken.None));
        fetch.SetResult(new OpenIdConnectConfiguration());

        Assert.That(await first, Is.SameAs(await second));
        await documents.ReceivedWithAnyArgs(1).GetConfigurationAsync(CancellationToken.None);
    }

    [Test]
    public async Task AFetchThatFailedIsTriedAgain()
    {
        var found = new OpenIdConnectConfiguration();
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(
            Task.FromException<OpenIdConnectConfiguration>(new InvalidOperationException()), Task.FromResult(found));
        var authority = new SigningKeyCache(documents, time);

        Assert.That(() => authority.GetConfigurationAsync(CancellationToken.None), Throws.TypeOf<AuthorityUnavailableException>());
        Assert.That(await authority.GetConfigurationAsync(CancellationToken.None), Is.SameAs(found));
    }

    [Test]
    public async Task AWithdrawnKeyIsNotUsedForLongerThanTheLimitWhileTheAuthorityIsSilent()
    {
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(
            Task.FromResult(new OpenIdConnectConfiguration()), Task.FromException<OpenIdConnectConfiguration>(new InvalidOperationException()));
        var authority = new SigningKeyCache(documents, time);
        var known = await authority.GetConfigurationAsync(CancellationToken.None);

        time.Advance(SigningKeyCache.MaxAge - TimeSpan.FromSeconds(1));
        Assert.That(await authority.GetConfigurationAsync(CancellationToken.None), Is.SameAs(known));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(() => authority.GetConfigurationAsync(CancellationToken.None), Throws.TypeOf<AuthorityUnavailableException>());
    }

    [Test]
    public async Task KeysThatAreOldAreFetchedAnewBesideTheRequest()
    {
        var (old, found) = (new OpenIdConnectConfiguration(), new OpenIdConnectConfiguration());
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(Task.FromResult(old), Task.FromResult(found));
        var authority = new SigningKeyCache(documents, time);

        Assert.That(await authority.GetConfigurationAsync(CancellationToken.None), Is.SameAs(old));
        time.Advance(SigningKeyCache.RefreshAge);
        Assert.That(await authority.GetConfigurationAsync(CancellationToken.None), Is.SameAs(old).Or.SameAs(found));
        Assert.That(await authority.GetConfigurationAsync(CancellationToken.None), Is.SameAs(found));
    }

    [Test]
    public async Task UnknownKeysCauseOneFetchInAnInterval()
    {
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(_ => Task.FromResult(new OpenIdConnectConfiguration()));
        var authority = new SigningKeyCache(documents, time);
        await authority.GetConfigurationAsync(CancellationToken.None);
        time.Advance(SigningKeyCache.MinInterval);
        for (var n = 0; n < 100; n++)
        {
            authority.RequestRefresh();
            await authority.GetConfigurationAsync(CancellationToken.None);
        }

        await documents.ReceivedWithAnyArgs(2).GetConfigurationAsync(CancellationToken.None);
    }

    // Not an outage: somebody left.
    [Test]
    public void AReaderWhoLeavesIsNotToldOfAnOutage()
    {
        documents.GetConfigurationAsync(CancellationToken.None).ReturnsForAnyArgs(new TaskCompletionSource<OpenIdConnectConfiguration>().Task);

        var waiting = new SigningKeyCache(documents, time).GetConfigurationAsync(new CancellationToken(canceled: true));

        Assert.That(() => waiting, Throws.InstanceOf<OperationCanceledException>());
    }
}
