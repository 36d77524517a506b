using ProductCache.Api;
using ProductCache.Api.Auth;
using ProductCache.Infrastructure.Hosting;

return args is [KeyCommand.Name, .. var rest]
    ? KeyCommand.Run(rest, Console.Out, Console.Error)
    : await ServiceProcess.RunAsync(args, ApiHost.Build);
