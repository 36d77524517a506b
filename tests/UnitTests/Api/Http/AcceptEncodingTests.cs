using Microsoft.Extensions.Primitives;
using ProductCache.Api.Http;

namespace ProductCache.UnitTests.Api.Http;

public sealed class AcceptEncodingTests
{
    [TestCase("gzip", true)]
    [TestCase("gzip, deflate, br, zstd", true)]
    [TestCase("br, GZIP", true)]
    [TestCase("x-gzip", true)]
    [TestCase("*", true)]
    [TestCase("gzip;q=0.001", true)]
    [TestCase("br;q=1.0, gzip;q=0.8, *;q=0.1", true)]
    [TestCase("identity;q=0.5, *;q=0.6", true)]
    [TestCase("gzip;q=0", false)]
    [TestCase("gzip;q=0.0, identity;q=0, *;q=0", false, Description = "nothing is acceptable: without an encoding")]
    [TestCase("*;q=0", false)]
    [TestCase("gzip;q=0, *", false)]
    [TestCase("identity", false)]
    [TestCase("gzip;q=0.5, identity", false, Description = "no encoding is preferred")]
    [TestCase("br, zstd", false)]
    [TestCase("br;q=1", false)]
    [TestCase("", false)]
    [TestCase("gzip;q=soon", false)]
    [TestCase("gzip;q=2", false)]
    [TestCase("gzip;level=9", false)]
    public void GzipIsSentToThoseWhoAcceptIt(string line, bool accepts) => Assert.That(AcceptEncoding.AcceptsGzip(line), Is.EqualTo(accepts));

    [Test]
    public void SeveralLinesAreOneList() => Assert.That(AcceptEncoding.AcceptsGzip(new StringValues(["br", "gzip;q=0.5"])), Is.True);

    [Test]
    public void WithoutTheHeaderNothingIsAccepted() => Assert.That(AcceptEncoding.AcceptsGzip(default), Is.False);
}
