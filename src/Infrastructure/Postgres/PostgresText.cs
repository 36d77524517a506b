using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>Error messages of PostgreSQL for clients and dead letters.</summary>
internal static class PostgresText
{
    /// <summary>The maximum length in characters. A trigger may raise a text of any length.</summary>
    public const int MaxLength = 300;

    /// <summary>Returns the message and the SQLSTATE. The detail is omitted, since it may contain a whole row.</summary>
    public static string Of(PostgresException answer)
    {
        var text = string.Concat(answer.MessageText.Select(character => char.IsControl(character) ? ' ' : character));
        return $"{(text.Length > MaxLength ? text[..MaxLength] : text)} (SQLSTATE {answer.SqlState})";
    }
}
