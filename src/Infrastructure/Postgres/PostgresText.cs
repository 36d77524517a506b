using Npgsql;

namespace ProductCache.Infrastructure.Postgres;

/// <summary>An answer of PostgreSQL as clients and dead letters are told it.</summary>
internal static class PostgresText
{
    /// <summary>In characters. A trigger may raise a text of any length.</summary>
    public const int MaxLength = 300;

    /// <summary>The message and the SQLSTATE; never the detail, which may hold a whole row.</summary>
    public static string Of(PostgresException answer)
    {
        var text = string.Concat(answer.MessageText.Select(character => char.IsControl(character) ? ' ' : character));
        return $"{(text.Length > MaxLength ? text[..MaxLength] : text)} (SQLSTATE {answer.SqlState})";
    }
}
