using ProductCache.Infrastructure.Hosting;
using ProductCache.Worker;

return await ServiceProcess.RunAsync(args, WorkerHost.Build);
