using ProductCache.Cli;

return await CommandLine.Build().Parse(args).InvokeAsync();
