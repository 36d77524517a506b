using Npgsql;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>DB_SSL_MODE, DB_SSL_CA_FILE, DB_SSL_CERT_FILE, DB_SSL_KEY_FILE.</summary>
/// <param name="Mode">With DB_CONNECTION_STRING: the mode of the connection string.</param>
/// <param name="Check">Verifies the certificate of the server. Null: it is not verified, or Npgsql verifies it.</param>
public sealed record PostgresTls(SslMode Mode, TlsFiles Files, ServerCertificateCheck? Check)
{
    public const string ModeSetting = "DB_SSL_MODE";

    private const string Disable = "disable";
    private const string VerifyCa = "verify-ca";
    private const string VerifyFull = "verify-full";

    /// <summary>Prefer is the default of PostgreSQL's clients. It falls back to a connection without TLS, so it protects against nothing.</summary>
    public static PostgresTls Read(Settings settings)
    {
        var mode = settings.OneOf(ModeSetting, "prefer", Disable, "require", VerifyCa, VerifyFull);
        var files = TlsFiles.Read(settings, "DB_SSL");
        if (mode == Disable && !files.IsEmpty)
        {
            settings.Refuse($"DB_SSL_CA_FILE, DB_SSL_CERT_FILE and DB_SSL_KEY_FILE have no effect while {ModeSetting} is {Disable}.");
        }
        else if (files.AuthorityFile is not null && mode is not (VerifyCa or VerifyFull))
        {
            settings.Refuse($"DB_SSL_CA_FILE needs {ModeSetting} {VerifyCa} or {VerifyFull}: {mode} does not verify the server.");
        }

        return mode switch
        {
            // Npgsql permits a callback only in a mode in which it does not verify itself. Its own verification does not give the reason.
            VerifyCa => new PostgresTls(SslMode.Require, files, new ServerCertificateCheck(files, checkName: false)),
            VerifyFull => new PostgresTls(SslMode.Require, files, new ServerCertificateCheck(files)),
            "require" => new PostgresTls(SslMode.Require, files, null),
            Disable => new PostgresTls(SslMode.Disable, files, null),
            _ => new PostgresTls(SslMode.Prefer, files, null),
        };
    }

    /// <summary>Adds the files to a data source. They are read for each new connection.</summary>
    public void Apply(NpgsqlDataSourceBuilder builder) => builder.UseSslClientAuthenticationOptionsCallback(handshake =>
    {
        if (Check is not null)
        {
            handshake.RemoteCertificateValidationCallback = Check.Accept;
        }

        if (Files.ClientCertificate is { } certificate)
        {
            handshake.ClientCertificates = [certificate];
        }
    });
}
