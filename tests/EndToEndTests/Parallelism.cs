// StandaloneTests, ChaosTests and PackageTests run beside each other: they share no server, and wait most of the time.
[assembly: LevelOfParallelism(3)]
