namespace ProductCache.IntegrationTests.Postgres;

/// <summary>A trigger of another owner on the products, for as long as a test runs.</summary>
internal sealed class ShopTrigger : IAsyncDisposable
{
    private readonly TestDatabase database;
    private readonly string name;

    private ShopTrigger(TestDatabase database, string name)
    {
        this.database = database;
        this.name = name;
    }

    /// <param name="body">What the function does before it returns the row.</param>
    /// <param name="prefix">Triggers of one kind run in the order of their names.</param>
    public static async Task<ShopTrigger> CreateAsync(
        TestDatabase database, string body, string events = "INSERT OR UPDATE OR DELETE", string timing = "BEFORE", string prefix = "shop")
    {
        var name = $"{prefix}_{Guid.NewGuid():N}";
        await database.ExecuteAsync(
            $"""
            CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              {body};
              IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
              RETURN NEW;
            END
            $$;
            CREATE TRIGGER {name} {timing} {events} ON public.products FOR EACH ROW EXECUTE FUNCTION public.{name}();
            """);
        return new ShopTrigger(database, name);
    }

    public async ValueTask DisposeAsync() =>
        await database.ExecuteAsync($"DROP TRIGGER IF EXISTS {name} ON public.products; DROP FUNCTION public.{name}()");
}
