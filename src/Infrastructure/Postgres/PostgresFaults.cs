using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using ProductCache.Infrastructure.Mappings;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Says in one sentence why PostgreSQL cannot be used: the server, the setting and the reason.</summary>
internal sealed class PostgresFaults(PostgresOptions options)
{
    private readonly string server = $"PostgreSQL at {Server(options)}";

    public string Standby => $"{server} is a standby server, not the primary ({options.Names.Host}).";

    public string Explain(Exception exception) => exception switch
    {
        MigrationException or MappingException => exception.Message,
        PostgresException answer => Explain(answer),
        _ when exception.AndCauses().OfType<AuthenticationException>().FirstOrDefault() is { } handshake =>
            $"{server} {options.Tls?.Check?.Rejection ?? $"does not accept the TLS handshake: {TextOf(handshake)}"} ({SslSetting}).",
        NpgsqlException when exception.Message.Contains("SSL connection requested", StringComparison.Ordinal) =>
            $"{server} does not offer TLS, which {SslSetting} requires.",
        _ when exception.AndCauses().OfType<SocketException>().FirstOrDefault() is { } failed =>
            $"{server} cannot be reached ({options.Names.Host}): {TextOf(failed)}.",
        _ when exception.AndCauses().OfType<TimeoutException>().Any() => $"{server} does not answer ({options.Names.Host}).",
        _ => $"{server} cannot be used: {TextOf(exception)}.",
    };

    private string SslSetting => options.Tls is null ? options.Names.Host : PostgresTls.ModeSetting;

    // By SQLSTATE: the texts are in the language of the server.
    private string Explain(PostgresException answer)
    {
        var text = PostgresText.Of(answer);
        return answer.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword => $"{server} rejects the user or the password, or the password has expired ({options.Names.User}, {options.Names.Password}): {text}.",
            PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"{server} does not let the user log in: the account is locked, or its rules ask for TLS, a certificate or another address ({options.Names.User}, {SslSetting}): {text}.",
            PostgresErrorCodes.InvalidCatalogName => $"{server} lacks the database (DB_NAME): {text}.",
            PostgresErrorCodes.InsufficientPrivilege => $"{server} denies a right ({options.Names.User}): {text}.",
            PostgresErrorCodes.ReadOnlySqlTransaction => $"{server} is read-only, so it is not the primary ({options.Names.Host}): {text}.",
            _ => $"{server} refuses: {text}.",
        };
    }

    private static string Server(PostgresOptions options)
    {
        var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString);
        return connection.Host?.Contains(':', StringComparison.Ordinal) == true ? connection.Host : $"{connection.Host}:{connection.Port}";
    }

    private static string TextOf(Exception exception) => exception.Message.ReplaceLineEndings(" ").TrimEnd('.');
}
