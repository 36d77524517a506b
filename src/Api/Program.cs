using ProductCache.Api;
using ProductCache.Infrastructure.Hosting;

return await ServiceProcess.RunAsync(args, ApiHost.Build);
