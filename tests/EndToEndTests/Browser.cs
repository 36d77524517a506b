using Microsoft.Playwright;

namespace ProductCache.EndToEndTests;

/// <summary>Debian's Chromium, without a window. ./run test installs it.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    private readonly IPlaywright playwright;
    private readonly IBrowser browser;

    private Browser(IPlaywright playwright, IBrowser browser) => (this.playwright, this.browser) = (playwright, browser);

    public static async Task<Browser> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();

        // The sandbox of Chromium refuses root, as whom a container runs the tests.
        return new Browser(playwright, await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = Environment.IsPrivilegedProcess ? ["--no-sandbox"] : [] }));
    }

    /// <summary>A page in a context of its own: nothing is stored from one to the next.</summary>
    public async Task<ConsolePage> OpenAsync(Uri address, BrowserNewContextOptions? options = null, Func<IBrowserContext, Task>? prepare = null)
    {
        options ??= new();
        options.ReducedMotion ??= ReducedMotion.Reduce;
        options.ViewportSize ??= new() { Width = 1280, Height = 900 };
        var context = await browser.NewContextAsync(options);
        context.SetDefaultTimeout((float)TestSupport.Eventually.Patience.TotalMilliseconds);
        if (prepare is not null)
        {
            await prepare(context);
        }

        var page = new ConsolePage(await context.NewPageAsync(), address);
        await page.Page.GotoAsync(address.ToString());
        while (page.TakeNetworkChange())
        {
            await page.Page.ReloadAsync();
        }

        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await browser.DisposeAsync();
        playwright.Dispose();
    }
}

/// <summary>The console page in a browser, and what a viewer does with it.</summary>
internal sealed class ConsolePage : IAsyncDisposable
{
    private readonly List<string> faults = [];
    private readonly List<string> foreign = [];

    public ConsolePage(IPage page, Uri address)
    {
        Page = page;
        page.PageError += (_, error) => faults.Add(error);

        // Chromium itself writes a line for each answer of 400 and more, and for each request that fails.
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                faults.Add(message.Text);
            }
        };
        // Without one of its files the page does nothing, and says nothing.
        page.RequestFailed += (_, request) =>
        {
            if (IsPart(request.Url))
            {
                faults.Add($"{request.Url}: {request.Failure}");
            }
        };
        page.Response += (_, response) =>
        {
            if (IsPart(response.Url) && response.Status >= 400)
            {
                faults.Add($"{response.Url}: {response.Status}");
            }
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith($"{address.Scheme}://{address.Authority}/", StringComparison.Ordinal))
            {
                foreign.Add(request.Url);
            }
        };
    }

    public IPage Page { get; }

    /// <summary>
    /// Whether the page lacks a file because an interface of this machine came or went, as one does with each container: Chromium then ends
    /// all requests.
    /// </summary>
    public bool TakeNetworkChange() => faults.RemoveAll(fault => fault.Contains("ERR_NETWORK_CHANGED", StringComparison.Ordinal)) > 0;

    private static bool IsPart(string url) => url.EndsWith(".js", StringComparison.Ordinal) || url.EndsWith(".css", StringComparison.Ordinal);

    /// <summary>Errors of the scripts and of the content security policy.</summary>
    public IReadOnlyList<string> Faults => faults;

    /// <summary>Requests to other servers.</summary>
    public IReadOnlyList<string> Foreign => foreign;

    public ILocator Tile(string name) => Page.Locator($"[data-tile={name}]");

    public ILocator Place(string name) => Page.Locator($"[data-place={name}]");

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public ILocator Steps => Page.Locator(".steps tbody tr");

    public async Task UseKeyAsync(string key)
    {
        await Page.GetByLabel("API key").FillAsync(key);
        await Button("Use").ClickAsync();
    }

    public async Task LookUpAsync(object id)
    {
        await Page.GetByLabel("Product id").FillAsync($"{id}");
        await Button("Look up").ClickAsync();
        await Assertions.Expect(Page.GetByRole(AriaRole.Heading, new() { Name = $"Product {id}", Exact = true })).ToBeVisibleAsync();
    }

    /// <summary>A picture of the whole page, for people who look at it.</summary>
    public Task PictureAsync(string name) =>
        Page.ScreenshotAsync(new() { Path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "console", $"{name}.png"), FullPage = true });

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();
}
