using ProductCache.Client;
using ProductCache.UnitTests.Contracts;
using PublicApiGenerator;

namespace ProductCache.UnitTests.Client;

public sealed class ClientApiTests
{
    [Test]
    public void TheApiIsTheApprovedOne() => Approved.Verify(
        "Client.approved.txt", typeof(ProductCacheClient).Assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false }));
}
