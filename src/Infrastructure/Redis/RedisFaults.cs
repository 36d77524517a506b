using System.Net;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Says in one sentence why Redis cannot be used: the server, the setting and the reason.</summary>
internal sealed class RedisFaults(RedisOptions options, TimeProvider time)
{
    private const string HostSetting = "REDIS_HOST";
    private const string UserSetting = "REDIS_USER";
    private const string TlsSetting = "REDIS_TLS";
    private const string AuthoritySetting = "REDIS_CA_FILE";
    private const string CertificateSetting = "REDIS_CERT_FILE";

    private readonly string server = $"Redis at {string.Join(", ", options.Connection.EndPoints.Select(TextOf))}";

    // The last failure of a connection that the client library told; null: it was restored since. Commands only say that there is no connection.
    private volatile Exception? lastFailure;

    public void Failed(Exception? exception)
    {
        // Of two connections to one server, one may fail for the reason and the other one because of the first.
        if (lastFailure is null || HasReason(exception))
        {
            lastFailure = exception;
        }
    }

    public void Restored() => lastFailure = null;

    public async Task<string> ExplainAsync(Exception exception, CancellationToken cancellationToken)
    {
        if (exception is RedisServerException || exception.InnerException is RedisServerException)
        {
            var text = (exception as RedisServerException ?? (RedisServerException)exception.InnerException!).Message;
            return $"{server}: {RedisRefusal.ReasonOf(text) ?? text} ({(RedisRefusal.IsPermission(text) ? UserSetting : HostSetting)}).";
        }

        // Until a connection is restored, the library tells only its first failure, which need not be the one with the reason: a login
        // that is rejected also ends as a connection that was closed.
        var told = lastFailure;
        var failures = new[] { told, HasReason(told) ? null : await DialAsync(cancellationToken), exception };
        return options.CertificateCheck?.Rejection is { } rejection
            ? $"{server} {rejection} ({TlsSetting}, {AuthoritySetting})."
            : failures.Any(failure => RedisRefusal.LoginReasonOf(failure) is not null)
            ? $"{server} rejects the login, or requires one ({UserSetting}, {options.PasswordSetting})."
            : options.CertificateCheck is not null && failures.Any(IsOfTls)
            ? $"{server} does not speak TLS, or needs a certificate of the client ({TlsSetting}, {CertificateSetting})."
            : $"{server} cannot be reached ({HostSetting}).";
    }

    // Null: the connection could be made.
    private async Task<Exception?> DialAsync(CancellationToken cancellationToken)
    {
        var dial = options.Connection.Clone();
        dial.AbortOnConnectFail = true;
        dial.ConnectRetry = 1;
        try
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(dial).WaitAsync(RedisOptions.Limit, time, cancellationToken);
            return null;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            return failure;
        }
    }

    private static bool IsOfTls(Exception? failure) => RedisRefusal.IsHandshake(failure) || failure.AndCauses().OfType<IOException>().Any();

    private static bool HasReason(Exception? exception) =>
        RedisRefusal.LoginReasonOf(exception) is not null || RedisRefusal.IsHandshake(exception);

    private static string TextOf(EndPoint endpoint) => endpoint is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : $"{endpoint}";
}
