// Child processes are started and signalled as on Unix, and the servers are those of Debian.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
