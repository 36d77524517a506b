using ProductCache.TestSupport;

[assembly: Category(TestCategories.Servers)]

// Fixtures that start a server or a service of their own run beside each other; most of their time is waiting.
[assembly: LevelOfParallelism(3)]
