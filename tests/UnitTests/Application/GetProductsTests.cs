using MediatR;
using NSubstitute;
using ProductCache.Application;
using ProductCache.Domain;

namespace ProductCache.UnitTests.Application;

public sealed class GetProductsTests
{
    private static readonly ProductId[] Ids = [new(3), new(1), new(2)];
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    private IRequestHandler<GetProduct, GetProductResult> one = null!;

    [SetUp]
    public void SetUp() => one = Substitute.For<IRequestHandler<GetProduct, GetProductResult>>();

    [Test]
    public async Task EveryProductHasItsAnswerInTheOrderAskedFor()
    {
        one.Handle(default!, default).ReturnsForAnyArgs(call => new GetProductResult.Found(
            CachedProduct.Of(Sample.Product(call.Arg<GetProduct>().Id), Sample.Time, Wait), EntrySource.Cache));

        var results = await new GetProductsHandler(one).Handle(new GetProducts(Ids), CancellationToken.None);

        Assert.That(
            results.Cast<GetProductResult.Found>().Select(found => found.Entry.Payload),
            Is.EqualTo(Ids.Select(id => CachedProduct.Of(Sample.Product(id), Sample.Time, Wait).Payload)));
    }

    [Test]
    public async Task AllAreAskedForBeforeAnyOfThemIsAnsweredAndWaitTogether()
    {
        TaskCompletionSource<GetProductResult> answer = new();
        one.Handle(default!, default).ReturnsForAnyArgs(answer.Task);

        var results = new GetProductsHandler(one).Handle(new GetProducts(Ids, Wait), CancellationToken.None);

        foreach (var id in Ids)
        {
            await one.Received(1).Handle(new GetProduct(id, Wait), CancellationToken.None);
        }

        var requested = new GetProductResult.Requested();
        answer.SetResult(requested);
        Assert.That(await results, Has.Count.EqualTo(Ids.Length).And.All.SameAs(requested));
    }

    [Test]
    public void MoreThanTheLimitAreRefused() => Assert.That(
        () => new GetProductsHandler(one).Handle(
            new GetProducts([.. Enumerable.Range(1, GetProductsHandler.MaxIds + 1).Select(id => new ProductId(id))]), CancellationToken.None),
        Throws.InstanceOf<ArgumentOutOfRangeException>());
}
