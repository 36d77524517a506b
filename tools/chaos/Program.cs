using System.Runtime.InteropServices;
using ProductCache.Chaos;
using ProductCache.Standalone;

const int Failed = 3;
const int WrongArguments = 2;
const int Interrupted = 130;

// The processes of the service are this program in another role.
if (args is [Roles.Api or Roles.Worker, ..])
{
    return await Roles.RunAsync(args[0], args[1..]);
}

if (Arguments.Read(args, Random.Shared, out var wrong) is not { } arguments)
{
    await Console.Error.WriteLineAsync(wrong);
    return WrongArguments;
}

Console.WriteLine(FormattableString.Invariant($"Chaos for {arguments.Length.TotalSeconds} s with seed {arguments.Seed}."));
if (arguments.Plan)
{
    var schedule = Schedule.Of(arguments.Seed, arguments.Length, withKafka: true);
    foreach (var fault in schedule.Faults)
    {
        Console.WriteLine(fault);
    }

    Console.WriteLine(schedule.TruncateAt is { } at ? FormattableString.Invariant($"{at.TotalSeconds,7:0.0} s  truncate the table") : "The table is not truncated.");
    return 0;
}

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return await ChaosRun.RunAsync(arguments, stop.Token);
}
catch (OperationCanceledException)
{
    await Console.Error.WriteLineAsync(stop.IsCancellationRequested ? "The run was cancelled." : "The run exceeded its time limit.");
    return stop.IsCancellationRequested ? Interrupted : Failed;
}
catch (Exception exception) when (exception is StandaloneException or TimeoutException or InvalidOperationException)
{
    await Console.Error.WriteLineAsync($"The run failed: {exception.Message}");
    return Failed;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
