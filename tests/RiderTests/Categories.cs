using ProductCache.TestSupport;

[assembly: Category(TestCategories.Servers)]
