using ProductCache.Infrastructure.Hosting;
using ProductCache.Worker;

if (args is not [MigrateCommand.Name, .. var rest])
{
    return await ServiceProcess.RunAsync(args, WorkerHost.Build);
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    interrupted.Cancel();
};
return await MigrateCommand.RunAsync(rest, Console.Out, Console.Error, interrupted.Token);
