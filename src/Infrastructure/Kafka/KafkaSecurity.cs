using Confluent.Kafka;
using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Security;

namespace ProductCache.Infrastructure.Kafka;

/// <summary>
/// KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_SASL_USER, KAFKA_SASL_PASSWORD (or KAFKA_SASL_PASSWORD_FILE), KAFKA_CA_FILE,
/// KAFKA_CERT_FILE, KAFKA_KEY_FILE; for OAUTHBEARER KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_SCOPE and KAFKA_OAUTH_CA_FILE.
/// </summary>
/// <param name="Mechanism">Null: no login.</param>
/// <param name="User">For OAUTHBEARER, the id of the client.</param>
/// <param name="Password">For OAUTHBEARER, the secret of the client.</param>
public sealed record KafkaSecurity(
    SecurityProtocol Protocol, TlsFiles Files, SaslMechanism? Mechanism, string User, Secret Password, KafkaTokenEndpoint? TokenEndpoint)
{
    public const string ProtocolSetting = "KAFKA_SECURITY_PROTOCOL";
    public const string UserSetting = "KAFKA_SASL_USER";

    private const string MechanismSetting = "KAFKA_SASL_MECHANISM";
    private const string PasswordSetting = "KAFKA_SASL_PASSWORD";
    private const string TokenUrlSetting = "KAFKA_OAUTH_TOKEN_URL";
    private const string ScopeSetting = "KAFKA_OAUTH_SCOPE";
    private const string TokenAuthoritySetting = "KAFKA_OAUTH_CA_FILE";

    private static readonly Dictionary<string, SecurityProtocol> Protocols = new()
    {
        ["PLAINTEXT"] = SecurityProtocol.Plaintext,
        ["SSL"] = SecurityProtocol.Ssl,
        ["SASL_PLAINTEXT"] = SecurityProtocol.SaslPlaintext,
        ["SASL_SSL"] = SecurityProtocol.SaslSsl,
    };

    private static readonly Dictionary<string, SaslMechanism> Mechanisms = new()
    {
        ["PLAIN"] = SaslMechanism.Plain,
        ["SCRAM-SHA-256"] = SaslMechanism.ScramSha256,
        ["SCRAM-SHA-512"] = SaslMechanism.ScramSha512,
        ["OAUTHBEARER"] = SaslMechanism.OAuthBearer,
    };

    public bool UsesTls => Protocol is SecurityProtocol.Ssl or SecurityProtocol.SaslSsl;

    /// <summary>The files whose content matters to a client that runs already: it reads them only once.</summary>
    public IReadOnlyList<string> WatchedFiles => [.. Files.Files, .. Password.Files];

    public static KafkaSecurity Read(Settings settings)
    {
        var protocol = Protocols[settings.OneOf(ProtocolSetting, [.. Protocols.Keys])];
        var files = TlsFiles.Read(settings, "KAFKA");
        var (hasTls, hasLogin) = (protocol is SecurityProtocol.Ssl or SecurityProtocol.SaslSsl, protocol is SecurityProtocol.SaslPlaintext or SecurityProtocol.SaslSsl);
        if (!hasTls && !files.IsEmpty)
        {
            settings.Refuse($"KAFKA_CA_FILE, KAFKA_CERT_FILE and KAFKA_KEY_FILE have no effect unless {ProtocolSetting} is SSL or SASL_SSL.");
        }

        if (hasLogin)
        {
            return ReadLogin(settings, protocol, files);
        }

        foreach (var setting in new[] { MechanismSetting, UserSetting, PasswordSetting, $"{PasswordSetting}_FILE", TokenUrlSetting, ScopeSetting, TokenAuthoritySetting }.Where(settings.Has))
        {
            settings.Refuse($"{setting} has no effect unless {ProtocolSetting} is SASL_SSL or SASL_PLAINTEXT.");
        }

        return new KafkaSecurity(protocol, files, null, string.Empty, Secret.OfText(PasswordSetting, string.Empty), null);
    }

    /// <summary>Writes the settings into the configuration of a client.</summary>
    public void Apply(ClientConfig config)
    {
        config.SecurityProtocol = Protocol;
        config.SslCaLocation = Files.AuthorityFile;
        config.SslCertificateLocation = Files.CertificateFile;
        config.SslKeyLocation = Files.KeyFile;
        config.SaslMechanism = Mechanism;
        if (TokenEndpoint is { } endpoint)
        {
            config.SaslOauthbearerMethod = SaslOauthbearerMethod.Oidc;
            config.SaslOauthbearerClientId = User;
            config.SaslOauthbearerClientSecret = Password.Value;
            config.SaslOauthbearerTokenEndpointUrl = endpoint.Url;
            config.SaslOauthbearerScope = endpoint.Scope;
            config.HttpsCaLocation = endpoint.AuthorityFile;
        }
        else if (Mechanism is not null)
        {
            config.SaslUsername = User;
            config.SaslPassword = Password.Value;
        }
    }

    private static KafkaSecurity ReadLogin(Settings settings, SecurityProtocol protocol, TlsFiles files)
    {
        var name = settings.Text(MechanismSetting);
        if (name.Length > 0 && !Mechanisms.ContainsKey(name))
        {
            settings.Refuse($"{MechanismSetting} must be {string.Join(" or ", Mechanisms.Keys)}, not '{name}'.");
        }

        var mechanism = Mechanisms.GetValueOrDefault(name, SaslMechanism.Plain);
        return new KafkaSecurity(
            protocol, files, mechanism, settings.Text(UserSetting), settings.SecretSource(PasswordSetting), ReadTokenEndpoint(settings, mechanism));
    }

    private static KafkaTokenEndpoint? ReadTokenEndpoint(Settings settings, SaslMechanism mechanism)
    {
        if (mechanism != SaslMechanism.OAuthBearer)
        {
            foreach (var setting in new[] { TokenUrlSetting, ScopeSetting, TokenAuthoritySetting }.Where(settings.Has))
            {
                settings.Refuse($"{setting} has no effect unless {MechanismSetting} is OAUTHBEARER.");
            }

            return null;
        }

        var url = settings.Text(TokenUrlSetting);
        if (url.Length > 0 && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "https" or "http"))
        {
            settings.Refuse($"{TokenUrlSetting} must be an absolute URL, not '{url}'.");
        }

        var authority = settings.Text(TokenAuthoritySetting, string.Empty);
        if (authority.Length > 0 && !File.Exists(authority))
        {
            settings.Refuse($"{TokenAuthoritySetting} must name a readable file with CA certificates in PEM: {authority}.");
        }

        return new KafkaTokenEndpoint(url, settings.Text(ScopeSetting, string.Empty) is { Length: > 0 } scope ? scope : null, authority.Length > 0 ? authority : null);
    }
}

/// <summary>Where a client gets its token with its id and secret (client credentials of OAuth 2.0).</summary>
/// <param name="AuthorityFile">The CA of the URL. Null: those that this system trusts.</param>
public sealed record KafkaTokenEndpoint(string Url, string? Scope, string? AuthorityFile);
