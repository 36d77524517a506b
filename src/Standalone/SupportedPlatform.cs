// Child processes are started and signalled the Unix way, and Debian's servers are looked for.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
