using System.Net;
using StackExchange.Redis;

namespace ProductCache.Infrastructure.Redis;

/// <summary>Says in one sentence why Redis cannot be used: the server, the setting and the reason.</summary>
internal sealed class RedisFaults(RedisOptions options)
{
    private const string HostSetting = "REDIS_HOST";
    private const string UserSetting = "REDIS_USER";
    private const string TlsSetting = "REDIS_TLS";
    private const string AuthoritySetting = "REDIS_CA_FILE";
    private const string CertificateSetting = "REDIS_CERT_FILE";

    private readonly string server = $"Redis at {string.Join(", ", options.Connection.EndPoints.Select(TextOf))}";

    // The last failure of a connection that has a reason; null: it was restored since. Commands only say that there is no connection.
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

    public string Explain(Exception exception)
    {
        if (exception is RedisServerException || exception.InnerException is RedisServerException)
        {
            var text = (exception as RedisServerException ?? (RedisServerException)exception.InnerException!).Message;
            return $"{server}: {RedisRefusal.ReasonOf(text) ?? text} ({(RedisRefusal.IsPermission(text) ? UserSetting : HostSetting)}).";
        }

        var failure = lastFailure ?? exception;
        return options.CertificateCheck?.Rejection is { } rejection
            ? $"{server} {rejection} ({TlsSetting}, {AuthoritySetting})."
            : options.CertificateCheck is not null && (RedisRefusal.IsHandshake(failure) || failure.AndCauses().OfType<IOException>().Any())
            ? $"{server} does not speak TLS, or needs a certificate of the client ({TlsSetting}, {CertificateSetting})."
            : (RedisRefusal.LoginReasonOf(failure) ?? RedisRefusal.LoginReasonOf(exception)) is not null
            ? $"{server} rejects the login, or requires one ({UserSetting}, {options.PasswordSetting})."
            : $"{server} cannot be reached ({HostSetting}).";
    }

    private static bool HasReason(Exception? exception) =>
        RedisRefusal.LoginReasonOf(exception) is not null || RedisRefusal.IsHandshake(exception);

    private static string TextOf(EndPoint endpoint) => endpoint is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : $"{endpoint}";
}
