using ProductCache.TestSupport;

[assembly: Category(TestCategories.NoServers)]
