using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using ProductCache.Domain;
using ProductCache.Infrastructure.Security;
using ProductCache.TestSupport;
using ProductCache.TestSupport.Servers;

namespace ProductCache.EndToEndTests;

/// <summary>The console page in Chromium, on two Apis and a Worker.</summary>
[Category(TestCategories.Servers)]
public sealed partial class ConsolePageTests
{
    private static readonly NewApiKey Operator = NewApiKey.Create("operator", Scopes.All);
    private static readonly NewApiKey Writer = NewApiKey.Create("writer", [Scopes.Write]);
    private static readonly BrowserNewContextOptions FromElsewhere = new() { ExtraHTTPHeaders = [KeyValuePair.Create("X-Forwarded-For", "192.0.2.1")] };

    private readonly List<ConsolePage> opened = [];
    private Deployment deployment = null!;
    private ServiceUnderTest secondApi = null!;
    private Browser browser = null!;

    private Uri Address => deployment.Http.BaseAddress!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        deployment = await Deployment.StartAsync(("API_KEYS", $"{Operator.Line};{Writer.Line}"), ("API_LISTS_PER_SECOND", "0"), ("NEAR_CACHE_TTL_SECONDS", "3600"));
        secondApi = await deployment.StartAnotherApiAsync(("API_PORT", $"{TestServer.FreePort()}"));
        browser = await Browser.StartAsync();
        Assertions.SetDefaultExpectTimeout((float)Eventually.Patience.TotalMilliseconds);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await browser.DisposeAsync();
        await secondApi.DisposeAsync();
        await deployment.DisposeAsync();
    }

    // Whatever a test has done: no script failed, nothing broke the policy, and no other server was asked.
    [TearDown]
    public async Task ThePageIsCleanAsync()
    {
        foreach (var page in opened)
        {
            await page.DisposeAsync();
        }

        var (faults, foreign) = (opened.SelectMany(page => page.Faults).ToList(), opened.SelectMany(page => page.Foreign).ToList());
        opened.Clear();
        Assert.That(faults, Is.Empty, "Errors of the page.");
        Assert.That(foreign, Is.Empty, "Requests to other servers.");
    }

    [Test]
    public async Task ReadsAppearByLayerWhileTheyHappen()
    {
        var (product, page) = (await FilledAsync(), await OpenAsync());
        await Assertions.Expect(page.Tile("near").Locator("b")).Not.ToHaveTextAsync("–");

        await Eventually.TrueAsync(
            async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    using var hit = await deployment.GetAsync(product);
                    using var miss = await deployment.GetAsync(TestProducts.NewId(), "wait=0");
                }

                return await PositiveAsync(page.Tile("reads").Locator("b"))
                    && await PositiveAsync(page.Tile("reads").Locator("dd").First)
                    && await PositiveAsync(page.Tile("reads").Locator("dd").Nth(3))
                    && await PositiveAsync(page.Tile("misses").Locator("b"))
                    && await PositiveAsync(page.Tile("fills").Locator("b"));
            },
            "reads, hits of the near cache, requests, misses and fills");
        await Assertions.Expect(page.Tile("reads").GetByRole(AriaRole.Img)).ToHaveAttributeAsync("aria-label", new Regex("Now .* per second: near cache "));
        await Eventually.TrueAsync(async () => await PositiveAsync(page.Page.Locator("#hot .count").First), "the most read product");
        await page.PictureAsync("reads");
    }

    [Test]
    public async Task ProcessesAndTheirServersAreShown()
    {
        var page = await OpenAsync();

        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");
        await Assertions.Expect(page.Page.Locator("#processes tbody tr")).ToHaveCountAsync(3);
        await Assertions.Expect(page.Page.Locator("#processes")).ToContainTextAsync($"{Environment.MachineName}:{secondApi.Process.Id}");
        await Assertions.Expect(page.Page.Locator("#processes tbody tr").Last).ToContainTextAsync("✓ Redis");
        await page.PictureAsync("idle");
    }

    [Test]
    public async Task AProductIsShownInAllPlacesSideBySide()
    {
        var (product, page) = (await FilledAsync(), await OpenAsync());
        await page.LookUpAsync(product);

        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Same everywhere");
        await Assertions.Expect(page.Place("near").Locator("li")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Place("redis").Locator("pre")).ToContainTextAsync($"\"id\": {product},");
        await Assertions.Expect(page.Place("near")).ToContainTextAsync("version");
        await Assertions.Expect(page.Place("redis").Locator("dl")).ToContainTextAsync("removed in");
        await Assertions.Expect(page.Place("redis").Locator("pre")).ToContainTextAsync("\"name\": \"Tea\"");
        await Assertions.Expect(page.Place("postgres").Locator("pre")).ToContainTextAsync("\"name\": \"Tea\"");

        await page.LookUpAsync(await deployment.InsertAsync());
        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Not cached");

        await page.Page.GetByLabel("Product id").FillAsync("0x");
        await page.Button("Look up").ClickAsync();
        await Assertions.Expect(page.Page.Locator("#look-up-fault")).ToContainTextAsync("A product id must be an integer");
    }

    [Test]
    public async Task AWatchedMissShowsEachStepAndTheNextReadIsAHit()
    {
        var (product, page) = (await deployment.InsertAsync(), await OpenAsync());
        await page.LookUpAsync(product);
        await page.Button("Read and watch").ClickAsync();

        await Assertions.Expect(page.Page.Locator(".watched h3")).ToContainTextAsync("200, a miss that was filled");
        foreach (var step in new[] { $"GET /api/v1/products/{product}", "Takes the lease", "Requests the fill", "Worker takes the request", "Claims the fill", "SQL: reads the row", "Writes the entry", "Notifies all Apis" })
        {
            await Assertions.Expect(page.Steps.Filter(new() { HasText = step })).ToHaveCountAsync(1);
        }

        await Assertions.Expect(page.Steps.Filter(new() { HasText = "Hears of the fill, and wakes readers that wait" })).ToHaveCountAsync(2);
        await Assertions.Expect(page.Steps.Filter(new() { HasText = "SQL: reads the row" })).ToContainTextAsync(Milliseconds());
        await Assertions.Expect(page.Page.Locator(".way li.visited")).ToHaveTextAsync(new[] { "Api", "Kafka", "Worker", "PostgreSQL", "Redis", "Api" }.Select(place => new Regex($"^{place}")));
        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Same everywhere");
        await page.PictureAsync("miss");

        await Eventually.TrueAsync(
            async () =>
            {
                await page.Button("Read and watch").ClickAsync();
                await Assertions.Expect(page.Page.Locator(".watched h3")).ToContainTextAsync("200, a hit in");
                return (await page.Page.Locator(".watched h3").InnerTextAsync()).Contains("in the near cache", StringComparison.Ordinal);
            },
            "a hit in the near cache");
        await Assertions.Expect(page.Page.Locator(".way li.visited")).ToHaveCountAsync(1);
    }

    [Test]
    public async Task AWatchedChangeSaysWhenItReachedRedisAndTheNearCaches()
    {
        var (product, page) = (await FilledAsync(), await OpenAsync());
        await page.UseKeyAsync(Writer.Text);
        await page.LookUpAsync(product);
        await page.Button("Edit").ClickAsync();
        await page.Page.GetByLabel("Price").FillAsync("4.25");
        await page.Button("Save and watch").ClickAsync();

        var visible = page.Page.Locator(".visible-after");
        await Assertions.Expect(visible).ToContainTextAsync("Visible after the commit");
        await Assertions.Expect(visible.Locator("div", new() { HasText = "Redis" })).ToContainTextAsync(Milliseconds());
        await Assertions.Expect(visible.Locator("div", new() { HasText = $"near cache of {Environment.MachineName}:{deployment.Api.Process.Id}" })).ToContainTextAsync(Milliseconds());
        await Assertions.Expect(page.Steps.Filter(new() { HasText = "SQL: writes the row and its change" })).ToHaveCountAsync(1);
        await Assertions.Expect(page.Place("postgres").Locator("pre")).ToContainTextAsync("\"price\": 4.25");
        await page.PictureAsync("edit");
    }

    [Test]
    public async Task AChangeOfAnOlderVersionIsRefusedAndOffersTheNewOne()
    {
        var (product, page) = (await FilledAsync(), await OpenAsync());
        await page.LookUpAsync(product);
        await page.Button("Edit").ClickAsync();
        await page.Page.GetByLabel("Name", new() { Exact = true }).FillAsync("Coffee");
        await page.Button("Save and watch").ClickAsync();
        await Assertions.Expect(page.Page.Locator(".edit .fault")).ToContainTextAsync("needs an API key");

        await page.UseKeyAsync(Writer.Text);
        await deployment.ExecuteAsync("UPDATE products SET name = 'Mate' WHERE id = $1", product.Value);
        await page.Button("Save and watch").ClickAsync();
        await Assertions.Expect(page.Page.Locator(".edit .fault")).ToContainTextAsync("Precondition failed");
        await page.Button("Load the new version").ClickAsync();
        await Assertions.Expect(page.Page.GetByLabel("Name", new() { Exact = true })).ToHaveValueAsync("Mate");

        await page.Page.GetByLabel("Price").FillAsync("-1");
        await page.Button("Save and watch").ClickAsync();
        await Assertions.Expect(page.Page.Locator(".edit .fault")).ToContainTextAsync("A price is at least 0");
        await page.Page.GetByLabel("Price").FillAsync("5");
        await page.Button("Save and watch").ClickAsync();
        await Assertions.Expect(page.Place("postgres").Locator("pre")).ToContainTextAsync("\"price\": 5");
        await Assertions.Expect(page.Place("postgres").Locator("pre")).ToContainTextAsync("Mate");
    }

    [Test]
    public async Task APurgeAsksAndNeedsAKey()
    {
        var (product, page) = (await FilledAsync(), await OpenAsync());
        await page.LookUpAsync(product);

        await page.Button("Purge").ClickAsync();
        await page.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Assertions.Expect(page.Page.Locator("#watch")).ToBeEmptyAsync();

        await PurgeAsync(page);
        await Assertions.Expect(page.Page.Locator("#watch")).ToContainTextAsync("Not purged. This needs an API key");

        await page.UseKeyAsync(Writer.Text);
        await Assertions.Expect(page.Page.Locator("#access")).ToHaveTextAsync("products:write");
        await PurgeAsync(page);
        await Assertions.Expect(page.Page.Locator("#watch")).ToContainTextAsync("The credential lacks the scope cache:admin.");
        Assert.That(await deployment.IsCachedAsync(product), Is.True);

        await page.UseKeyAsync(Operator.Text);
        await PurgeAsync(page);
        await Assertions.Expect(page.Page.Locator("#watch")).ToContainTextAsync("was purged");
        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Not cached");
        Assert.That(await deployment.IsCachedAsync(product), Is.False);
    }

    [Test]
    public async Task TheCatalogueIsSearchedPageByPage()
    {
        var word = $"Z{Guid.NewGuid():N}"[..12];
        for (var i = 0; i < 25; i++)
        {
            await deployment.InsertAsync($"{word} {i}");
        }

        var page = await OpenAsync();
        await SearchAsync(page, "ab");
        await Assertions.Expect(page.Page.Locator("#search-state")).ToContainTextAsync("at least 3 letters");
        await SearchAsync(page, word);
        await Assertions.Expect(page.Page.Locator("#found li")).ToHaveCountAsync(20);
        await page.Button("More").ClickAsync();
        await Assertions.Expect(page.Page.Locator("#found li")).ToHaveCountAsync(25);
        await Assertions.Expect(page.Button("More")).ToBeHiddenAsync();

        await page.Page.Locator("#found button").Last.ClickAsync();
        await Assertions.Expect(page.Place("postgres")).ToContainTextAsync(word);
    }

    [Test]
    public async Task WithoutADatabaseItSaysThatItCannotSearch()
    {
        var port = TestServer.FreePort();
        await using var api = await deployment.StartAnotherApiAsync(("API_PORT", $"{port}"), ("DB_HOST", string.Empty), ("DB_PORT", string.Empty), ("DB_NAME", string.Empty), ("DB_USER", string.Empty), ("DB_PASSWORD", string.Empty));
        var page = await OpenAsync(address: new Uri($"http://127.0.0.1:{port}/"));

        await SearchAsync(page, "Tea");

        await Assertions.Expect(page.Page.Locator("#search-state")).ToContainTextAsync("has no database");
    }

    [Test]
    public async Task ViewersFromElsewhereNeedAKeyThatIsForgottenOnRequest()
    {
        var page = await OpenAsync(FromElsewhere);
        await Assertions.Expect(page.Page.Locator("#notice")).ToContainTextAsync("needs an API key");

        await page.UseKeyAsync("pc_wrong");
        await Assertions.Expect(page.Page.Locator("#notice")).ToContainTextAsync("The key is not accepted");
        await page.UseKeyAsync(Writer.Text);
        await Assertions.Expect(page.Page.Locator("#notice")).ToContainTextAsync("lacks the scope cache:admin");
        await page.UseKeyAsync(Operator.Text);
        await Assertions.Expect(page.Page.Locator("#access")).ToHaveTextAsync("products:read, products:write, cache:admin");
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");
        Assert.That(await page.Page.EvaluateAsync<string>("JSON.stringify([{ ...localStorage }, document.cookie, location.href.includes('pc_')])"), Is.EqualTo("[{},\"\",false]"));

        await page.Button("Forget").ClickAsync();
        await Assertions.Expect(page.Page.Locator("#access")).ToHaveTextAsync("read-only");
        await Assertions.Expect(page.Page.Locator("#notice")).ToContainTextAsync("needs an API key");
        Assert.That(await page.Page.EvaluateAsync<int>("sessionStorage.length"), Is.Zero);
    }

    [Test]
    public async Task AnOutageOfRedisIsToldAndEnds()
    {
        var page = await OpenAsync();
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");
        await page.LookUpAsync(await FilledAsync());
        await using (await Outage.OfAsync(deployment.Redis))
        {
            await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("Redis is not available since");
            await Assertions.Expect(page.Page.Locator("#notice")).ToContainTextAsync("The page shows the last picture.");
            await Assertions.Expect(page.Page.Locator("#processes tbody tr")).ToHaveCountAsync(3);
            await page.Button("Look again").ClickAsync();
            await Assertions.Expect(page.Page.Locator("#product [role=alert]")).ToBeVisibleAsync();
            await page.PictureAsync("outage");
        }

        await Assertions.Expect(page.Page.Locator("#notice")).ToBeHiddenAsync();
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");
    }

    [Test]
    public async Task AnApiThatDoesNotAnswerIsTold()
    {
        var page = await OpenAsync();
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");

        await page.Page.RouteAsync("**/console/data/**", route => route.AbortAsync());
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("The Api does not answer since");
        await page.Page.UnrouteAllAsync();
        await Assertions.Expect(page.Page.Locator("#health")).ToContainTextAsync("All servers are available");
    }

    [TestCase(ColorScheme.Light, 1280)]
    [TestCase(ColorScheme.Light, 360)]
    [TestCase(ColorScheme.Dark, 1280)]
    [TestCase(ColorScheme.Dark, 360)]
    public async Task ItIsAccessibleAndNothingIsWiderThanTheScreen(ColorScheme scheme, int width)
    {
        var product = await deployment.InsertAsync();
        var page = await OpenAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 800 } });
        await Assertions.Expect(page.Page.Locator("#processes tbody tr")).ToHaveCountAsync(3);
        await AssertAccessibleAsync(page);

        await SearchAsync(page, "Tea");
        await Assertions.Expect(page.Page.Locator("#found li").First).ToBeVisibleAsync();
        await page.LookUpAsync(product);
        await page.Button("Read and watch").ClickAsync();
        await Assertions.Expect(page.Page.Locator(".watched")).ToBeVisibleAsync();
        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Same everywhere");
        await AssertAccessibleAsync(page);
        await page.PictureAsync($"{scheme}-{width}");

        await page.Button("Edit").ClickAsync();
        await AssertAccessibleAsync(page);
        await page.Button("Purge").ClickAsync();
        await AssertAccessibleAsync(page);
        Assert.That(await page.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"), Is.LessThanOrEqualTo(width));
    }

    [Test]
    public async Task TheKeyboardIsEnough()
    {
        var (product, page) = (await deployment.InsertAsync(), await OpenAsync());
        await page.Page.Keyboard.PressAsync("Tab");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.Page.Keyboard.TypeAsync($"{product}");
        await page.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Page.Locator(".finding")).ToContainTextAsync("Not cached");

        await Eventually.TrueAsync(
            async () =>
            {
                await page.Page.Keyboard.PressAsync("Tab");
                return await page.Page.EvaluateAsync<string>("document.activeElement.textContent") == "Read and watch";
            },
            "the focus on the button");
        await page.Page.Keyboard.PressAsync("Space");
        await Assertions.Expect(page.Page.Locator(".watched h3")).ToContainTextAsync("a miss that was filled");
    }

    // A proxy that removes the prefix, as a browser sees it.
    [Test]
    public async Task ItWorksBelowThePrefixOfAProxy()
    {
        List<string> outside = [];
        var page = await OpenAsync(address: new Uri(Address, "/shop/"), prepare: context => context.RouteAsync("**/*", async route =>
        {
            var url = new Uri(route.Request.Url);
            if (!url.AbsolutePath.StartsWith("/shop/", StringComparison.Ordinal))
            {
                outside.Add(url.AbsolutePath);
            }

            await route.FulfillAsync(new() { Response = await route.FetchAsync(new() { Url = new Uri(Address, url.PathAndQuery.Replace("/shop/", "/", StringComparison.Ordinal)).ToString() }) });
        }));
        await page.LookUpAsync(await deployment.InsertAsync());
        await page.Button("Read and watch").ClickAsync();

        await Assertions.Expect(page.Steps.Filter(new() { HasText = "SQL: reads the row" })).ToHaveCountAsync(1);
        await SearchAsync(page, "Tea");
        await Assertions.Expect(page.Page.Locator("#found li").First).ToBeVisibleAsync();
        Assert.That(outside, Is.Empty);
    }

    [GeneratedRegex(@"\d ms")]
    private static partial Regex Milliseconds();

    private static async Task<bool> PositiveAsync(ILocator number) =>
        await number.CountAsync() > 0 && (await number.InnerTextAsync()).Any(character => character is >= '1' and <= '9');

    private static async Task PurgeAsync(ConsolePage page)
    {
        await page.Button("Purge").ClickAsync();
        await page.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Purge" }).ClickAsync();
    }

    private static async Task SearchAsync(ConsolePage page, string text)
    {
        await page.Page.GetByLabel("Name contains").FillAsync(text);
        await page.Button("Search").ClickAsync();
    }

    private static async Task AssertAccessibleAsync(ConsolePage page)
    {
        AxeResult result = await page.Page.RunAxe();
        Assert.That(result.Violations.SelectMany(violation => violation.Nodes.Select(node => $"{violation.Id}: {node.Target} {node.Html}")), Is.Empty);
    }

    // In Redis and in the near cache of the first Api.
    private async Task<ProductId> FilledAsync()
    {
        var product = await deployment.InsertAsync();
        await deployment.FillAsync(product);
        await deployment.ChangesAreConsumedAsync();
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await deployment.GetAsync(product, "wait=10");
            return answer.Headers.TryGetValues("Cache-Status", out var status) && string.Join(' ', status).Contains("detail=near", StringComparison.Ordinal);
        });
        return product;
    }

    private async Task<ConsolePage> OpenAsync(BrowserNewContextOptions? options = null, Uri? address = null, Func<IBrowserContext, Task>? prepare = null)
    {
        var page = await browser.OpenAsync(address ?? Address, options, prepare);
        opened.Add(page);
        return page;
    }
}
